import fs from 'node:fs';

import { parseCgroup } from '../target/parse-cgroup.ts';
import { cgroupDirectory, type CgroupHierarchy } from './host-cgroups.ts';

/** Within a grace period of RCU, which takes a tick of the kernel at least, of which there are 250 a second or more. */
const FRESH_MS = 4;

/**
 * The lock of the kernel under which processes go from one cgroup to another (`cgroup_threadgroup_rwsem`). It costs
 * forks nothing, and who takes it waits for a grace period of RCU, 4 to 15 ms, unless somebody took it just before
 * (kernel/rcu/sync.c); who makes a cgroup meanwhile waits, too. So that this is over when the process of a VM is moved,
 * the daemon takes it as soon as a stub calls: by moving itself to where it is.
 */
export class AttachLock implements Disposable {
  readonly #fd: number | null;
  #taking: Promise<void> | null = null;
  #takenAt = -Infinity;
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

  /**
   * Takes it and gives it back: a thread of Node's pool waits. Who comes meanwhile waits for the same. Never rejects: who
   * moves a process then waits for the lock itself.
   */
  take(): Promise<void> {
    const fd = this.#fd;
    if (fd === null || this.#isClosed) return Promise.resolve();
    this.#taking ??= new Promise((resolve) => {
      fs.write(fd, '0', () => {
        this.#taking = null;
        this.#takenAt = performance.now();
        if (this.#isClosed) this.#close();
        resolve();
      });
    });
    return this.#taking;
  }

  /** Takes it unless that was done just now, so that who moves a process next does not wait. */
  takeUnlessFresh(): Promise<void> {
    const isFresh = this.#taking === null && performance.now() - this.#takenAt < FRESH_MS;
    return isFresh ? Promise.resolve() : this.take();
  }

  /** Waits only where it is being taken already: who makes a cgroup then would wait in a system call. */
  free(): Promise<void> {
    return this.#taking ?? Promise.resolve();
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // The thread that waits would write into whatever has the number by then.
    if (this.#taking === null) this.#close();
  }

  #close(): void {
    if (this.#fd !== null) fs.closeSync(this.#fd);
  }
}
