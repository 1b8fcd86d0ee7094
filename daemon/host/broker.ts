import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

import { hasCode } from '../errors.ts';
import { FairQueue, type Asker } from '../fair-queue.ts';
import {
  brokerFrameTypes,
  encodeBrokerHeader,
  encodeReadRequest,
  takeBrokerFrames,
  type BrokerFrame,
  type ReadRequest,
} from './broker-frames.ts';
import type { Libc } from './libc.ts';
import { passOnLines } from './pass-on-lines.ts';

/** Why the broker could not read a file: `step` as in docs/protocol.md, `code` an errno's name. */
export class ReadFileError extends Error {
  readonly code: string;
  readonly step: 'root' | 'open' | 'type' | 'size' | 'content' | 'deadline' | 'hanging';

  constructor(step: ReadFileError['step'], code: string) {
    super(`Cannot read a file of a pod: ${step} failed with ${code}`);
    this.step = step;
    this.code = code;
  }
}

const readSteps = ['root', 'root', 'open', 'type', 'size', 'content', 'deadline', 'hanging'] as const;
const ANSWER_DEADLINE_MS = 10_000;
/** A broker that dies again and again is started ever more slowly. */
const RESTART_DELAYS_MS = [100, 500, 2000, 5000] as const;
/** So long a request waits for a broker that is being started again. */
const RESTART_WAIT_MS = 1000;
/** After this long a watch is tried again that could not be made. */
const WATCH_RETRY_MS = 1000;
/**
 * `total` is what the broker takes (`BROKER_MAX_READS`). A launch takes two reads, and the API lets ten callers in at once:
 * who has more than that waiting for one pod asks in vain.
 */
const READS = { total: 128, perKey: 2, perAsker: 20, longestWaitMs: 6000 } as const;
const MAX_ID = 0xffff_ffff;

interface Pending {
  readonly resolve: (frame: BrokerFrame) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
  /** Its answer can only come from the broker that runs now. */
  isSent: boolean;
}

/** How a process ended; `unknown` where the kernel does not tell (before Linux 6.15), or nobody has reaped it. */
export interface ProcessEnd {
  readonly kind: 'exit' | 'signal' | 'unknown';
  /** Exit status, or signal number; absent when unknown. */
  readonly value?: number;
}

interface Watch {
  readonly pidfd: number;
  readonly onEnd: (end: ProcessEnd) => void;
}

export interface BrokerOptions {
  readonly libc: Libc;
  /** Directory of `qemu-kube-broker` and `qemu-kube-shim`. */
  readonly libraryDirectory: string;
  /** Told when the broker ended unasked and is being started again. */
  readonly onRestart: (status: string) => void;
  /** Told each line that the broker writes to its standard error. */
  readonly onLine?: (line: string) => void;
}

function errnoName(errno: number): string {
  return Object.entries(os.constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}

/** The broker says what is wrong with a process that has ended. */
function mountNamespaceOf(directory: number): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${directory}/ns/mnt`);
  } catch {
    return 'gone';
  }
}

function writeAll(socket: net.Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** The daemon's side of `qemu-kube-broker`. Starts it, and starts it again when it dies. */
export class Broker {
  readonly #options: BrokerOptions;
  readonly #reads = new FairQueue(READS);
  readonly #pending = new Map<number, Pending>();
  /** Made again with each new broker. */
  readonly #watches = new Map<number, Watch>();
  #child: ChildProcess | null = null;
  #socket: net.Socket | null = null;
  #descriptor = -1;
  #received: Buffer = Buffer.alloc(0);
  #nextId = 1;
  #stopping = false;
  /** Ends without an answer in between. */
  #failures = 0;
  /** When the broker last answered, by the monotonic clock. */
  #answeredAt = 0;
  /** Frames with fds bypass the stream: one at a time, and only while the stream has nothing left to write. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: BrokerOptions) {
    this.#options = options;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** @throws Error when there is no such program, or no process can be started */
  start(): void {
    const { libc, libraryDirectory } = this.#options;
    const program = `${libraryDirectory}/qemu-kube-broker`;
    fs.accessSync(program, fs.constants.X_OK);
    const [own, theirs] = libc.socketPair();
    let child: ChildProcess;
    try {
      child = spawn(program, [`${libraryDirectory}/qemu-kube-shim`], {
        // None of ours: what a child inherits is made blocking, and then it is for this process, too.
        stdio: ['ignore', 'ignore', 'pipe', theirs],
        env: {},
        cwd: '/',
      });
    } catch (error) {
      fs.closeSync(own);
      throw error;
    } finally {
      fs.closeSync(theirs);
    }
    this.#child = child;
    this.#descriptor = own;
    this.#received = Buffer.alloc(0);
    if (child.stderr !== null) passOnLines(child.stderr, this.#options.onLine ?? (() => undefined));
    const socket = new net.Socket({ fd: own, readable: true, writable: true });
    this.#socket = socket;
    socket.on('data', (chunk) => this.#receive(child, chunk));
    socket.on('error', () => undefined); // the exit says it
    // A broker that closes its side is no use any more, whether or not it lives.
    socket.once('close', () => child.kill('SIGKILL'));
    child.once('error', (error) => this.#ended(child, error.message));
    child.once('exit', (code, signal) => this.#ended(child, signal ?? `status ${code ?? 'unknown'}`));
    for (const id of this.#watches.keys()) this.#sendWatch(id);
  }

  /** Ends the broker. Shims go on. */
  stop(): void {
    this.#stopping = true;
    this.#watches.clear();
    this.#socket?.destroy();
    this.#failAll('the daemon is stopping');
  }

  /**
   * Reads a file below the root of a process, with that process's ids, in a process of its own.
   *
   * @param directory fd of the `/proc/PID` directory of that process
   * @param pod whose it is, for the share of a pod; null: all of its mount namespace are one
   * @throws ReadFileError, CrowdedError, or the reason why the asker is gone
   */
  async readFile(
    directory: number,
    request: ReadRequest,
    pod: string | null = null,
    asker: Asker = {},
  ): Promise<Buffer> {
    // A pod whose file system hangs must leave the others their share.
    const owner = pod ?? mountNamespaceOf(directory);
    return this.#reads.run(owner, () => this.#readFile(directory, request, owner), asker);
  }

  async #readFile(directory: number, request: ReadRequest, owner: string): Promise<Buffer> {
    const asked = encodeReadRequest(request, owner);
    const { payload } = await this.#ask(brokerFrameTypes.readFile, asked, [directory]);
    const errno = payload.readUInt32LE(0);
    const step = readSteps[payload.readUInt32LE(4)] ?? 'content';
    if (errno !== 0) throw new ReadFileError(step, errnoName(errno));
    return payload.subarray(8);
  }

  /**
   * Starts a shim.
   *
   * @param fds in the order of `stub/plan.h`
   * @param birthplace a cgroup of v2 to start it in; another one is not minded
   * @returns the shim's pid
   */
  async startShim(fds: readonly number[], birthplace: string | null = null): Promise<number> {
    const { payload } = await this.#ask(brokerFrameTypes.startShim, Buffer.from(birthplace ?? ''), fds);
    const errno = payload.readUInt32LE(0);
    if (errno !== 0) throw new Error(`Cannot start the shim of a VM: ${errnoName(errno)}`);
    return payload.readUInt32LE(4);
  }

  /**
   * Tells when a process ends, once; also when the broker itself ended meanwhile.
   *
   * @param pidfd open until then, or until the watch is disposed of
   */
  watch(pidfd: number, onEnd: (end: ProcessEnd) => void): Disposable {
    const id = this.#takeId();
    this.#watches.set(id, { pidfd, onEnd });
    this.#sendWatch(id);
    return {
      [Symbol.dispose]: () => {
        if (this.#watches.delete(id))
          // In vain where the broker is gone, and its watches with it.
          this.#inTurn(() =>
            this.#send(id, brokerFrameTypes.forget, Buffer.alloc(0), [], () => !this.#stopping),
          ).catch(() => undefined);
      },
    };
  }

  #sendWatch(id: number): void {
    const { watch: type } = brokerFrameTypes;
    const isWanted = (): boolean => this.#watches.has(id);
    this.#inTurn(async () => {
      const watch = this.#watches.get(id);
      if (watch !== undefined) await this.#send(id, type, Buffer.alloc(0), [watch.pidfd], isWanted);
    }).catch(() => this.#retryWatch(id));
  }

  #retryWatch(id: number): void {
    setTimeout(() => {
      if (this.#watches.has(id)) this.#sendWatch(id);
    }, WATCH_RETRY_MS).unref();
  }

  #watchEnded({ id, payload }: BrokerFrame): void {
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    if (payload.readUInt32LE(0) !== 0) {
      this.#retryWatch(id);
      return;
    }
    this.#watches.delete(id);
    const kind = (['exit', 'signal'] as const)[payload.readUInt32LE(4)];
    watch.onEnd(kind === undefined ? { kind: 'unknown' } : { kind, value: payload.readUInt32LE(8) });
  }

  #takeId(): number {
    const id = this.#nextId;
    this.#nextId = id === MAX_ID ? 1 : id + 1;
    return id;
  }

  /** @returns settled when the action is; the next one goes on either way */
  #inTurn(action: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(action);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #ask(type: number, payload: Buffer, fds: readonly number[]): Promise<BrokerFrame> {
    if (this.#stopping) throw new Error('Cannot reach the broker: the daemon is stopping');
    const id = this.#takeId();
    const askedAt = performance.now();
    const answer = new Promise<BrokerFrame>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Error('Cannot reach the broker: it did not answer in time'));
        // Not a word to anybody meanwhile: it hangs, and would for ever. It is killed when its socket is closed.
        if (this.#answeredAt < askedAt) this.#socket?.destroy();
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

  async #send(
    id: number,
    type: number,
    payload: Buffer,
    fds: readonly number[],
    isWanted: () => boolean,
  ): Promise<void> {
    const header = encodeBrokerHeader(type, id, payload.length, fds.length);
    const deadline = performance.now() + RESTART_WAIT_MS;
    for (;;) {
      if (!isWanted()) return;
      const socket = this.#socket;
      const isReachable = socket?.destroyed === false;
      if (isReachable && this.#trySend(header, fds)) {
        const pending = this.#pending.get(id);
        if (pending !== undefined) pending.isSent = true;
        if (payload.length > 0) await writeAll(socket, payload);
        return;
      }
      if (performance.now() >= deadline)
        throw new Error(`Cannot reach the broker: it ${isReachable ? 'is busy' : 'is being restarted'}`);
      await delay(10);
    }
  }

  /** False when the socket's buffer is full, or nobody is at its other end any more. */
  #trySend(header: Buffer, fds: readonly number[]): boolean {
    try {
      this.#options.libc.sendWithFds(this.#descriptor, header, fds);
      return true;
    } catch (error) {
      if (hasCode(error, 'EAGAIN', 'EPIPE', 'ECONNRESET')) return false;
      throw error;
    }
  }

  #receive(child: ChildProcess, chunk: Buffer): void {
    if (child !== this.#child) return;
    this.#answeredAt = performance.now();
    this.#failures = 0;
    const { frames, rest } = takeBrokerFrames(Buffer.concat([this.#received, chunk]));
    this.#received = rest;
    for (const frame of frames)
      if (frame.type === brokerFrameTypes.exited) this.#watchEnded(frame);
      else this.#settle(frame.id)?.resolve(frame);
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
      if (isSent || this.#stopping) this.#settle(id)?.reject(new Error(`Cannot reach the broker: ${reason}`));
  }

  #ended(child: ChildProcess, status: string): void {
    if (child !== this.#child) return;
    this.#socket?.destroy();
    this.#socket = null;
    this.#child = null;
    this.#failAll(`it ended (${status})`);
    this.#startAgain(status);
  }

  #startAgain(status: string): void {
    if (this.#stopping) return;
    this.#options.onRestart(status);
    const wait = RESTART_DELAYS_MS[this.#failures] ?? RESTART_DELAYS_MS.at(-1);
    this.#failures++;
    setTimeout(() => {
      if (this.#stopping) return;
      try {
        this.start();
      } catch (error) {
        this.#startAgain(error instanceof Error ? error.message : String(error));
      }
    }, wait).unref();
  }
}
