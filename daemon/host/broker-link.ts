import type net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { hasCode } from '../errors.ts';
import { encodeBrokerHeader, takeBrokerFrames, type BrokerFrame } from './broker-frames.ts';
import { BrokerProcess, type BrokerConnection, type BrokerOptions } from './broker-process.ts';
import type { Libc } from './libc.ts';

const ANSWER_DEADLINE_MS = 10_000;
/** So long a request waits for a broker that is being started again. */
const RESTART_WAIT_MS = 1000;
const MAX_ID = 0xffff_ffff;

interface Pending {
  readonly resolve: (frame: BrokerFrame) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
  /** Its answer can only come from the broker that runs now. */
  isSent: boolean;
}

export interface BrokerLinkEvents {
  /** A broker has been started, which knows nothing of the ones before. */
  readonly onStart: () => void;
  /** A frame that answers no question. */
  readonly onNews: (frame: BrokerFrame) => void;
}

function writeAll(socket: net.Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Questions to the broker and their answers, over the end of a broker and the start of the next. */
export class BrokerLink {
  readonly #libc: Libc;
  readonly #process: BrokerProcess;
  readonly #events: BrokerLinkEvents;
  readonly #pending = new Map<number, Pending>();
  #received: Buffer = Buffer.alloc(0);
  #nextId = 1;
  /** When the broker last answered, by the monotonic clock. */
  #answeredAt = 0;
  /** Frames with fds bypass the stream: one at a time, and only while the stream has nothing left to write. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: BrokerOptions, events: BrokerLinkEvents) {
    this.#libc = options.libc;
    this.#events = events;
    this.#process = new BrokerProcess(options, {
      onStart: () => this.#started(),
      onData: (chunk) => this.#receive(chunk),
      onEnd: (status) => this.#failAll(`it ended (${status})`),
    });
  }

  get pid(): number | null {
    return this.#process.pid;
  }

  /** @throws Error when there is no such program, or no process can be started */
  start(): void {
    this.#process.start();
  }

  stop(): void {
    this.#process.stop();
    this.#failAll('the daemon is stopping');
  }

  takeId(): number {
    const id = this.#nextId;
    this.#nextId = id === MAX_ID ? 1 : id + 1;
    return id;
  }

  /** @throws Error when the broker is stopping, busy or silent for too long, or ends before it answers */
  async ask(type: number, payload: Buffer, fds: readonly number[]): Promise<BrokerFrame> {
    if (this.#process.isStopping) throw new Error('Cannot reach the broker: the daemon is stopping');
    const id = this.takeId();
    const askedAt = performance.now();
    const answer = new Promise<BrokerFrame>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Error('Cannot reach the broker: it did not answer in time'));
        // Not a word to anybody meanwhile: it hangs, and would for ever.
        if (this.#answeredAt < askedAt) this.#process.abandon();
      }, ANSWER_DEADLINE_MS);
      this.#pending.set(id, { resolve, reject, timer, isSent: false });
    });
    // Given up meanwhile: the numbers may belong to other files by then.
    const isWanted = (): boolean => this.#pending.has(id);
    this.#inTurn(() => this.#send(id, type, payload, fds, isWanted)).catch((error: unknown) =>
      this.#settle(id)?.reject(error instanceof Error ? error : new Error(String(error))),
    );
    return answer;
  }

  /**
   * Sends what nobody waits for an answer to.
   *
   * @param isWanted asked just before: whether the fds are still those that were meant
   */
  tell(id: number, type: number, fds: readonly number[], isWanted: () => boolean): Promise<void> {
    return this.#inTurn(() => this.#send(id, type, Buffer.alloc(0), fds, isWanted));
  }

  /** @returns settled when the action is; the next one goes on either way */
  #inTurn(action: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(action);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #send(
    id: number,
    type: number,
    payload: Buffer,
    fds: readonly number[],
    isWanted: () => boolean,
  ): Promise<void> {
    const header = encodeBrokerHeader(type, id, payload.length, fds.length);
    const deadline = performance.now() + RESTART_WAIT_MS;
    while (isWanted() && !this.#process.isStopping) {
      const { connection } = this.#process;
      if (connection !== null && this.#trySend(connection, header, fds)) {
        const pending = this.#pending.get(id);
        if (pending !== undefined) pending.isSent = true;
        if (payload.length > 0) await writeAll(connection.socket, payload);
        return;
      }
      if (performance.now() >= deadline)
        throw new Error(
          `Cannot reach the broker: it ${connection === null ? 'is being restarted' : 'is busy'}`,
        );
      await delay(10);
    }
  }

  /** False when the socket's buffer is full, or nobody is at its other end any more. */
  #trySend({ descriptor }: BrokerConnection, header: Buffer, fds: readonly number[]): boolean {
    try {
      this.#libc.sendWithFds(descriptor, header, fds);
      return true;
    } catch (error) {
      if (hasCode(error, 'EAGAIN', 'EPIPE', 'ECONNRESET')) return false;
      throw error;
    }
  }

  #started(): void {
    this.#received = Buffer.alloc(0);
    this.#events.onStart();
  }

  #receive(chunk: Buffer): void {
    this.#answeredAt = performance.now();
    const { frames, rest } = takeBrokerFrames(Buffer.concat([this.#received, chunk]));
    this.#received = rest;
    for (const frame of frames) {
      const pending = this.#settle(frame.id);
      if (pending === undefined) this.#events.onNews(frame);
      else pending.resolve(frame);
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }

  /** What was not sent yet waits for the next broker. */
  #failAll(reason: string): void {
    for (const [id, { isSent }] of [...this.#pending])
      if (isSent || this.#process.isStopping)
        this.#settle(id)?.reject(new Error(`Cannot reach the broker: ${reason}`));
  }
}
