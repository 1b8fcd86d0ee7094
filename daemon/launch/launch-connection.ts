import type net from 'node:net';

import { fdOf } from '../host/socket-fd.ts';
import { stopReading } from '../host/stop-reading.ts';
import { encodeRefused } from './encode-frame.ts';

/** The connection of one stub, until it is refused or belongs to a shim. */
export class LaunchConnection {
  /** Name of libvirt's domain, once the request has told it: for logs. */
  domain: string | null = null;
  readonly #socket: net.Socket;
  readonly #acceptedAt: number;
  readonly #gone = new AbortController();
  #isReleased = false;

  /** @param acceptedAt milliseconds of a monotonic clock */
  constructor(socket: net.Socket, acceptedAt: number) {
    this.#socket = socket;
    this.#acceptedAt = acceptedAt;
    socket.on('error', () => undefined); // 'close' follows
    socket.once('end', () => this.#gone.abort());
    socket.once('close', () => this.#gone.abort());
  }

  /** Aborted when the stub goes away or was refused: nobody waits for the VM any more. */
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

  /** True from {@link release} on: the descriptor may be on its way to a shim, so it must stay open. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Ends the connection with one line for libvirt's error message. */
  refuse(line: string): void {
    this.#gone.abort();
    if (this.#socket.destroyed) return;
    this.#socket.write(encodeRefused(line));
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

  /** Closes this process's copy; the shim's stays open. */
  close(): void {
    this.#socket.destroy();
  }
}
