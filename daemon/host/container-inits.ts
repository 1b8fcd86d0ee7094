import fs from 'node:fs';

import { selectContainerInit, type ContainerProcess } from '../target/select-container-init.ts';
import { oldestContainerProcesses, readStartTime } from './container-processes.ts';
import type { Slices } from './turns.ts';

/** Of containers; more than run on any node. */
const MAX_KNOWN = 1024;

interface Known {
  readonly init: ContainerProcess;
  /** Its `/proc/PID/cgroup` when it was found. */
  readonly cgroup: string;
}

/**
 * The first processes of containers. To find one takes a look at every process of the container, of which a pod may
 * have thousands: so it is kept, and while it runs, in the same cgroups, no other process can be older.
 */
export class ContainerInits {
  readonly #proc: string;
  readonly #known = new Map<string, Known>();

  /** @param proc the node's procfs */
  constructor(proc: string) {
    this.#proc = proc;
  }

  /**
   * @param directory the container's cgroup in one hierarchy
   * @returns `null` when the container has no process
   */
  async of(directory: string, slices: Slices): Promise<ContainerProcess | null> {
    const known = this.#known.get(directory);
    if (known !== undefined && this.#isStillThere(known)) return known.init;
    this.#known.delete(directory);
    const init = selectContainerInit(await oldestContainerProcesses(this.#proc, directory, slices));
    const cgroup = init === null ? null : this.#cgroupOf(init.pid);
    if (init !== null && cgroup !== null) {
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.set(directory, { init, cgroup });
    }
    return init;
  }

  #isStillThere({ init, cgroup }: Known): boolean {
    // In this order: what has the cgroup is then known to be the process that had it before.
    return this.#cgroupOf(init.pid) === cgroup && readStartTime(this.#proc, init.pid) === init.startTime;
  }

  #cgroupOf(pid: number): string | null {
    try {
      return fs.readFileSync(`${this.#proc}/${pid}/cgroup`, 'latin1');
    } catch {
      return null; // it has ended
    }
  }
}
