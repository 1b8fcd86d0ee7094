import type net from 'node:net';

import { Refusal } from '../errors.ts';
import type { Libc } from '../host/libc.ts';
import { fdOf } from '../host/socket-fd.ts';
import { stopReading } from '../host/stop-reading.ts';
import type { AuditText } from '../observe/audit-record.ts';
import { AuditTrail } from './audit-trail.ts';
import { encodeFrame, encodeRefused } from './encode-frame.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { frameTypes } from './frame.ts';
import { ProtocolError } from './protocol-error.ts';

/** One for all: the stack trace would tell nothing. */
const goneReason = new Refusal(
  'caller-gone',
  'Cannot start the VM: libvirt ended the stub',
  'start the VM again',
);

/** Behind a line about one launch, here as in `stub/failure.c`: who reads it in libvirt's log finds it in ours. */
export function launchEnding(launchId: string): string {
  return ` (launch ${launchId})`;
}

/** The connection of one stub, until it is refused or belongs to a shim. */
export class LaunchConnection {
  /** Name of libvirt's domain, once the request has told it: for logs, and cut. */
  domain: AuditText | null = null;
  /** Whom its load is counted against: see `launchOrigin`. */
  origin = '';
  readonly trail: AuditTrail;
  readonly #socket: net.Socket;
  readonly #acceptedAt: number;
  readonly #gone = new AbortController();
  #isReleased = false;

  /** @param acceptedAt milliseconds of a monotonic clock */
  constructor(socket: net.Socket, acceptedAt: number) {
    this.#socket = socket;
    this.#acceptedAt = acceptedAt;
    this.trail = new AuditTrail(acceptedAt);
    socket.on('error', () => undefined); // 'close' follows
    socket.once('end', () => this.#gone.abort(goneReason));
    socket.once('close', () => this.#gone.abort(goneReason));
  }

  /** Aborted when the stub goes away or was refused, with a Refusal: nobody waits for the VM any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Seconds since the stub connected. */
  seconds(now: number): number {
    return (now - this.#acceptedAt) / 1000;
  }

  get descriptor(): number {
    return fdOf(this.#socket);
  }

  /**
   * True from {@link release} on: the descriptor may be on its way to a shim, so it must stay open. In exec mode from
   * {@link enter} on: what comes is no request.
   */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Ends the connection with one line for libvirt's error message; it names the launch, once there is one. */
  refuse(line: string): void {
    this.#gone.abort(goneReason);
    if (this.#socket.destroyed) return;
    const { launchId, mode } = this.trail;
    this.#socket.write(encodeRefused(line, mode === null ? '' : launchEnding(launchId)));
    // As soon as the kernel has the line, which the stub can read also later: whether it reads, or goes on to send,
    // it does not keep the connection.
    this.#socket.destroySoon();
    const timer = setTimeout(() => this.#socket.destroy(), 1000).unref();
    this.#socket.once('close', () => clearTimeout(timer));
  }

  /** From here on this process takes nothing out of the connection: what comes is the shim's. */
  release(): void {
    stopReading(this.#socket);
    this.#isReleased = true;
  }

  /**
   * Has a stub of exec mode enter its pod: it is on its own from here on.
   *
   * @param fds in the order of docs/protocol.md
   * @returns why it could not, in a line that it has printed; `null` when the connection ended without a word: the stub
   *   has executed QEMU, or died
   */
  enter(libc: Libc, fds: readonly number[]): Promise<string | null> {
    const decoder = new FrameDecoder({ accept: [frameTypes.failed], frames: 1 });
    libc.sendWithFds(this.descriptor, encodeFrame(frameTypes.enter, Buffer.alloc(0)), fds);
    this.#isReleased = true;
    return new Promise((resolve) => {
      this.#socket.on('data', (chunk) => {
        try {
          const [frame] = decoder.push(chunk);
          if (frame !== undefined) resolve(frame.payload.toString('utf8'));
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          resolve(error.message);
        }
      });
      this.#socket.once('end', () => resolve(null));
      this.#socket.once('close', () => resolve(null));
    });
  }

  /** Closes this process's copy; the shim's stays open. */
  close(): void {
    this.#socket.destroy();
  }
}
