import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';

import type { Libc } from './libc.ts';
import { passOnLines } from './pass-on-lines.ts';

/** A broker that dies again and again is started ever more slowly. */
const RESTART_DELAYS_MS = [100, 500, 2000, 5000] as const;

export interface BrokerOptions {
  readonly libc: Libc;
  /** Directory of `qemu-kube-broker` and `qemu-kube-shim`. */
  readonly libraryDirectory: string;
  /** Told when the broker ended unasked and is being started again. */
  readonly onRestart: (status: string) => void;
  /** Told each line that the broker writes to its standard error. */
  readonly onLine?: (line: string) => void;
}

/** Our end of a socketpair with the broker; frames with fds go to the descriptor, past the stream. */
export interface BrokerConnection {
  readonly socket: net.Socket;
  readonly descriptor: number;
}

export interface BrokerProcessEvents {
  readonly onStart: () => void;
  readonly onData: (chunk: Buffer) => void;
  readonly onEnd: (status: string) => void;
}

/** Starts `qemu-kube-broker`, and starts it again when it ends. */
export class BrokerProcess {
  readonly #options: BrokerOptions;
  readonly #events: BrokerProcessEvents;
  #child: ChildProcess | null = null;
  #connection: BrokerConnection | null = null;
  #isStopping = false;
  /** Ends without an answer in between. */
  #failures = 0;

  constructor(options: BrokerOptions, events: BrokerProcessEvents) {
    this.#options = options;
    this.#events = events;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Null while the broker is being started again. */
  get connection(): BrokerConnection | null {
    return this.#connection?.socket.destroyed === false ? this.#connection : null;
  }

  /** @throws Error when there is no such program, or no process can be started */
  start(): void {
    const [own, theirs] = this.#options.libc.socketPair();
    let child: ChildProcess;
    try {
      child = this.#spawn(theirs);
    } catch (error) {
      fs.closeSync(own);
      throw error;
    } finally {
      fs.closeSync(theirs);
    }
    this.#child = child;
    if (child.stderr !== null) passOnLines(child.stderr, this.#options.onLine ?? (() => undefined));
    const socket = new net.Socket({ fd: own, readable: true, writable: true });
    this.#connection = { socket, descriptor: own };
    socket.on('data', (chunk) => this.#receive(child, chunk));
    socket.on('error', () => undefined); // the exit says it
    // A broker that closes its side is no use any more, whether or not it lives.
    socket.once('close', () => child.kill('SIGKILL'));
    child.once('error', (error) => this.#ended(child, error.message));
    child.once('exit', (code, signal) => this.#ended(child, signal ?? `status ${code ?? 'unknown'}`));
    this.#events.onStart();
  }

  #spawn(socket: number): ChildProcess {
    const { libraryDirectory } = this.#options;
    const program = `${libraryDirectory}/qemu-kube-broker`;
    fs.accessSync(program, fs.constants.X_OK);
    return spawn(program, [`${libraryDirectory}/qemu-kube-shim`], {
      // None of ours: what a child inherits is made blocking, and then it is for this process, too.
      stdio: ['ignore', 'ignore', 'pipe', socket],
      env: {},
      cwd: '/',
    });
  }

  /** Ends the broker. Shims go on. */
  stop(): void {
    this.#isStopping = true;
    this.#connection?.socket.destroy();
  }

  /** Ends a broker that hangs; another one is started. */
  abandon(): void {
    this.#connection?.socket.destroy();
  }

  #receive(child: ChildProcess, chunk: Buffer): void {
    if (child !== this.#child) return;
    this.#failures = 0;
    this.#events.onData(chunk);
  }

  #ended(child: ChildProcess, status: string): void {
    if (child !== this.#child) return;
    this.#connection?.socket.destroy();
    this.#connection = null;
    this.#child = null;
    this.#events.onEnd(status);
    this.#startAgain(status);
  }

  #startAgain(status: string): void {
    if (this.#isStopping) return;
    this.#options.onRestart(status);
    const wait = RESTART_DELAYS_MS[this.#failures] ?? RESTART_DELAYS_MS.at(-1);
    this.#failures++;
    setTimeout(() => {
      if (this.#isStopping) return;
      try {
        this.start();
      } catch (error) {
        this.#startAgain(error instanceof Error ? error.message : String(error));
      }
    }, wait).unref();
  }
}
