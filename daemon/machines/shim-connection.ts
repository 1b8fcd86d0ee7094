import net from 'node:net';

import type { ShimMessage } from './shim-message.ts';
import { ShimMessageReader } from './shim-message-reader.ts';

/** A line of a shim is never longer: a peer that sends more is no shim. */
const MAX_LINE = 4096;

export interface ShimConnectionEvents {
  readonly onMessage: (message: ShimMessage) => void;
  /**
   * The connection has ended: the last call.
   *
   * @param error of the socket, e.g. `ENOENT` or `ECONNREFUSED` when no shim listens
   */
  readonly onClosed: (error: Error | null) => void;
}

/**
 * A connection to one shim: over the socket it was started with, or over its `shim.sock`. Of a shim that speaks another
 * version of the protocol nothing is read any more, and its end is all that can be learned.
 */
export class ShimConnection {
  readonly #socket: net.Socket;
  readonly #events: ShimConnectionEvents;
  readonly #reader = new ShimMessageReader();
  #received = '';
  #isCompatible = true;

  constructor(socket: net.Socket, events: ShimConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    let failure: Error | null = null;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (error) => (failure = error)); // 'close' follows
    socket.once('close', () => events.onClosed(failure));
  }

  /** The daemon's end of the socket pair that a shim was started with. */
  static ofDescriptor(fd: number, events: ShimConnectionEvents): ShimConnection {
    return new ShimConnection(new net.Socket({ fd, readable: true, writable: true }), events);
  }

  /** Asks the shim to send QEMU a signal; false when it can't be asked now. The shim does not answer. */
  signal(number: number): boolean {
    if (!this.#isCompatible || this.#socket.readyState !== 'open') return false;
    this.#socket.write(`signal ${number}\n`);
    return true;
  }

  /** Lets go of the shim, which goes on. */
  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    const lines = (this.#received + text).split('\n');
    this.#received = lines.pop() ?? '';
    if (this.#received.length > MAX_LINE) this.#socket.destroy();
    for (const line of lines) {
      if (line.length > MAX_LINE || !this.#isCompatible) continue;
      const message = this.#reader.read(line);
      this.#isCompatible = message?.kind !== 'incompatible';
      if (message !== null) this.#events.onMessage(message);
    }
  }
}
