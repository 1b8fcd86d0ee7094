import { hasCode } from '../errors.ts';
import type { Libc } from '../host/libc.ts';
import { PinnedProcess } from '../host/pinned-process.ts';
import type { ShimCgroups } from '../host/shim-cgroups.ts';
import { parseStat } from '../target/parse-stat.ts';
import type { ProcessIdentity } from '../target/target.ts';
import { machineSignals } from './machine-signals.ts';
import type { Machine } from './machine.ts';

export interface ShimProcessesOptions {
  readonly libc: Libc;
  readonly proc: string;
  readonly shimCgroups: ShimCgroups;
}

/** The processes of machines in fork mode, asked of the kernel and never of a pid alone. */
export class ShimProcesses {
  readonly #options: ShimProcessesOptions;

  constructor(options: ShimProcessesOptions) {
    this.#options = options;
  }

  /** The shim and what it is about to run QEMU in are the only processes of its cgroups. */
  isThere(launchId: string): boolean {
    return this.#options.shimCgroups.processes(launchId).length > 0;
  }

  /** Kills a shim, with which QEMU ends. */
  kill(launchId: string): void {
    const { libc, proc, shimCgroups } = this.#options;
    for (const pid of shimCgroups.processes(launchId)) {
      try {
        using pinned = PinnedProcess.open(libc, proc, pid);
        // Pinned first, and seen in the cgroup again: it is this process.
        if (shimCgroups.processes(launchId).includes(pid)) libc.signal(pinned.pidfd, machineSignals.KILL);
      } catch (error) {
        if (!hasCode(error, 'ESRCH', 'ENOENT')) throw error;
      }
    }
  }

  /** Kills a QEMU whose shim is gone. */
  killQemu(qemu: ProcessIdentity): void {
    const { libc, proc } = this.#options;
    using pinned = PinnedProcess.reopen(libc, proc, qemu);
    pinned?.signal(machineSignals.KILL);
  }

  /** Whether there is something of a machine that runs: its QEMU, or a shim that is about to start one. */
  runs({ qemu }: Machine): boolean {
    if (qemu === undefined) return true;
    try {
      using pinned = PinnedProcess.reopen(this.#options.libc, this.#options.proc, qemu);
      const state = pinned === null ? undefined : parseStat(pinned.readText('stat'))?.state;
      return state !== undefined && state !== 'Z';
    } catch (error) {
      if (hasCode(error, 'ESRCH', 'ENOENT')) return false;
      throw error;
    }
  }
}
