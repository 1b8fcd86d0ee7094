import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { hasCode } from '../errors.ts';
import { parseStat } from '../target/parse-stat.ts';
import { parseStatus } from '../target/parse-status.ts';
import type { ProcessIdentity } from '../target/target.ts';
import type { Libc } from './libc.ts';
import { listPids } from './list-pids.ts';
import { SharedRuns } from '../shared-runs.ts';
import { PinnedProcess } from './pinned-process.ts';
import type { Turns } from './turns.ts';

export interface LibvirtProcessesOptions {
  readonly libc: Libc;
  /** The node's procfs. */
  readonly proc: string;
  /** Names of the executables, without their directories. */
  readonly executables: readonly string[];
  readonly turns: Turns;
  /** Names the container of a process, as far as it can be told by a glance. */
  readonly containerOf: (pid: number) => string;
}

/** Between two walks through all processes: callers that no libvirt stands for must not keep the daemon busy. */
const LEAST_INTERVAL_MS = 1000;
/** So many of one container's count: one that has thousands must not hide another's. */
const MAX_PER_CONTAINER = 4;
const REPLACED = ' (deleted)';

/**
 * The libvirt daemons that run on the node: root's processes with an executable of such a name, in whatever container.
 * Those that were found are remembered, pinned and looked at again for each question, and looked for anew only when
 * none of them will do.
 */
export class LibvirtProcesses {
  readonly #options: LibvirtProcessesOptions;
  readonly #names: ReadonlySet<string>;
  #known: readonly ProcessIdentity[] = [];
  /** One that is under way may have passed a new libvirt by. */
  readonly #walks = new SharedRuns(() => this.#walk());
  #walkedAt = Number.NEGATIVE_INFINITY;

  constructor(options: LibvirtProcessesOptions) {
    this.#options = options;
    this.#names = new Set(options.executables);
  }

  /** @returns whether one of them is such as is wanted; `none`: there is not one at all */
  async find(isWanted: (process: PinnedProcess) => boolean): Promise<'found' | 'others' | 'none'> {
    if (this.#ask(isWanted) === 'found') return 'found';
    await this.#walks.ask();
    return this.#ask(isWanted);
  }

  #ask(isWanted: (process: PinnedProcess) => boolean): 'found' | 'others' | 'none' {
    let answer: 'others' | 'none' = 'none';
    for (const identity of this.#known) {
      using process = PinnedProcess.reopen(this.#options.libc, this.#options.proc, identity);
      // It may have executed something else since.
      if (process === null || !this.#isLibvirt(process)) continue;
      if (isWanted(process) && process.isAlive()) return 'found';
      answer = 'others';
    }
    return answer;
  }

  async #walk(): Promise<void> {
    await delay(Math.max(0, this.#walkedAt + LEAST_INTERVAL_MS - performance.now()));
    const { proc, turns, containerOf } = this.#options;
    const slices = turns.begin();
    const found: ProcessIdentity[] = [];
    const perContainer = new Map<string, number>();
    for (const pid of await listPids(proc)) {
      if (slices.isOver) await slices.next();
      if (!this.#isNamed(() => fs.readlinkSync(`${proc}/${pid}/exe`))) continue;
      const container = containerOf(pid);
      const others = perContainer.get(container) ?? 0;
      const identity = others < MAX_PER_CONTAINER ? this.#identify(pid) : null;
      if (identity === null) continue;
      perContainer.set(container, others + 1);
      found.push(identity);
    }
    this.#known = found;
    this.#walkedAt = performance.now();
  }

  #identify(pid: number): ProcessIdentity | null {
    try {
      using process = PinnedProcess.open(this.#options.libc, this.#options.proc, pid);
      const stat = parseStat(process.readText('stat'));
      return stat !== null && this.#isLibvirt(process) ? process.identify(stat.startTime) : null;
    } catch (error) {
      if (hasCode(error, 'ESRCH', 'ENOENT')) return null;
      throw error;
    }
  }

  /** Pinned: all of it is of one process. */
  #isLibvirt(process: PinnedProcess): boolean {
    try {
      const status = parseStatus(process.readText('status'));
      return (
        status?.uid.real === 0 && status.uid.effective === 0 && this.#isNamed(() => process.readLink('exe'))
      );
    } catch (error) {
      if (hasCode(error, 'ESRCH', 'ENOENT')) return false;
      throw error;
    }
  }

  /** By its executable: the name and the arguments of a process are whatever it says. */
  #isNamed(readExecutable: () => string): boolean {
    try {
      const file = path.basename(readExecutable());
      return (
        this.#names.has(file) || (file.endsWith(REPLACED) && this.#names.has(file.slice(0, -REPLACED.length)))
      );
    } catch {
      return false; // a process of the kernel, one that has ended, or one that is not for us to see
    }
  }
}
