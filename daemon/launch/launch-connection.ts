import type net from 'node:net';

import { fdOf } from '../host/socket-fd.ts';
import { stopReading } from '../host/stop-reading.ts';
import { encodeRefused } from './encode-frame.ts';

/** The connection of one stub, until it is refused or belongs to a shim. */
export class LaunchConnection {
  readonly #socket: net.Socket;
  readonly #acceptedAt: number;
  readonly #gone = new AbortController();

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

  /** Ends the connection with one line for libvirt's error message. */
  refuse(line: string): void {
    this.#gone.abort();
    if (!this.#socket.destroyed) this.#socket.end(encodeRefused(line));
    // A stub that does not read must not keep the connection.
    setTimeout(() => this.#socket.destroy(), 1000).unref();
  }

  /** From here on this process takes nothing out of the connection: what comes is the shim's. */
  release(): void {
    stopReading(this.#socket);
  }

  /** Closes this process's copy; the shim's stays open. */
  close(): void {
    this.#socket.destroy();
  }
}
