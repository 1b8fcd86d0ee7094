import fs from 'node:fs';

import { parseCgroup } from '../target/parse-cgroup.ts';
import { cgroupDirectory, type CgroupHierarchy } from './host-cgroups.ts';

/**
 * The lock of the kernel under which processes go from one cgroup to another (`cgroup_threadgroup_rwsem`). It costs
 * forks nothing, and who takes it waits for a grace period of RCU, 4 to 10 ms, unless somebody took it just before
 * (kernel/rcu/sync.c). So that this is over when the process of a VM is moved, the daemon takes it while it still looks
 * for the pod: by moving itself to where it is.
 */
export class AttachLock implements Disposable {
  readonly #fd: number | null;
  #isTaken = false;
  #isClosed = false;

  private constructor(fd: number | null) {
    this.#fd = fd;
  }

  /**
   * Where none of this process's cgroups can be written to, the lock is not taken.
   *
   * @param hostRoot see `HostView.root`
   */
  static open(hierarchies: readonly CgroupHierarchy[], hostRoot: string): AttachLock {
    for (const membership of parseCgroup(fs.readFileSync('/proc/self/cgroup', 'latin1')) ?? []) {
      const directory = cgroupDirectory(hierarchies, membership);
      if (directory === null) continue;
      try {
        return new AttachLock(fs.openSync(`${hostRoot}${directory}/cgroup.procs`, 'w'));
      } catch {
        // The next one does as well.
      }
    }
    return new AttachLock(null);
  }

  /** Comes back at once; a thread of Node's pool waits. */
  take(): void {
    if (this.#fd === null || this.#isTaken || this.#isClosed) return;
    this.#isTaken = true;
    fs.write(this.#fd, '0', () => {
      this.#isTaken = false;
      if (this.#isClosed) this.#close();
    });
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // The thread that waits would write into whatever has the number by then.
    if (!this.#isTaken) this.#close();
  }

  #close(): void {
    if (this.#fd !== null) fs.closeSync(this.#fd);
  }
}
