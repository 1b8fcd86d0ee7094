import fs from 'node:fs';
import os from 'node:os';

import { FairQueue, type Asker } from '../fair-queue.ts';
import { brokerFrameTypes, encodeReadRequest, type ReadRequest } from './broker-frames.ts';
import { BrokerLink } from './broker-link.ts';
import type { BrokerOptions } from './broker-process.ts';
import { ProcessWatches, type ProcessEnd } from './process-watches.ts';
import { ReadFileError } from './read-file-error.ts';

const readSteps = ['root', 'root', 'open', 'type', 'size', 'content', 'deadline', 'hanging'] as const;
/**
 * `total` is what the broker takes (`BROKER_MAX_READS`). A launch takes two reads, and the API lets ten callers in at once:
 * who has more than that waiting for one pod asks in vain.
 */
const READS = { total: 128, perKey: 2, perAsker: 20, longestWaitMs: 6000 } as const;

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

/** What the daemon asks of `qemu-kube-broker`: docs/protocol.md, section 2. */
export class Broker {
  readonly #link: BrokerLink;
  readonly #watches: ProcessWatches;
  readonly #reads = new FairQueue(READS);

  constructor(options: BrokerOptions) {
    this.#link = new BrokerLink(options, {
      onStart: () => this.#watches.sendAll(),
      onNews: (frame) => this.#watches.ended(frame),
    });
    this.#watches = new ProcessWatches(this.#link);
  }

  get pid(): number | null {
    return this.#link.pid;
  }

  /** @throws Error when there is no such program, or no process can be started */
  start(): void {
    this.#link.start();
  }

  /** Ends the broker. Shims go on. */
  stop(): void {
    this.#watches.clear();
    this.#link.stop();
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
    const { payload } = await this.#link.ask(brokerFrameTypes.readFile, asked, [directory]);
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
    const { payload } = await this.#link.ask(brokerFrameTypes.startShim, Buffer.from(birthplace ?? ''), fds);
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
    return this.#watches.add(pidfd, onEnd);
  }
}
