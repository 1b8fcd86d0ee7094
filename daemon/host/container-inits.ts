import { hasCode } from '../errors.ts';
import { hasEnded, parseStat } from '../target/parse-stat.ts';
import { selectContainerInit, type ContainerProcess } from '../target/select-container-init.ts';
import type { ProcessIdentity } from '../target/target.ts';
import { ContainerTooLarge, oldestContainerProcesses } from './container-processes.ts';
import type { Libc } from './libc.ts';
import { PinnedProcess } from './pinned-process.ts';
import type { Slices } from './turns.ts';

/** Of containers; more than run on any node. */
const MAX_KNOWN = 1024;
/** A pod that is too large must not have it found out over and over. */
const TOO_LARGE_MS = 2000;

/** The first process of a container, held. */
export interface PinnedInit {
  readonly process: PinnedProcess;
  readonly identity: ProcessIdentity;
}

interface Known {
  readonly identity: ProcessIdentity;
  /** Its `/proc/PID/cgroup` when it was found. */
  readonly cgroup: string;
}

/**
 * The first processes of containers. To find one takes a look at every process of the container, of which a pod may
 * have thousands: so it is kept, and while it runs, in the same cgroups, no other process can be older.
 */
export class ContainerInits {
  readonly #libc: Libc;
  readonly #proc: string;
  readonly #known = new Map<string, Known>();
  /** One that is under way serves all who ask for the same container. */
  readonly #looks = new Map<string, Promise<readonly ContainerProcess[]>>();
  /** Until when. */
  readonly #tooLarge = new Map<string, number>();

  /** @param proc the node's procfs */
  constructor(libc: Libc, proc: string) {
    this.#libc = libc;
    this.#proc = proc;
  }

  /**
   * Dispose of its process.
   *
   * @param directory the container's cgroup in one hierarchy
   * @returns `null` when the container has no process; `ended` when it had one; `too-large` when it has too many
   */
  async pin(directory: string, slices: Slices): Promise<PinnedInit | 'ended' | 'too-large' | null> {
    const known = this.#known.get(directory);
    if (known !== undefined) {
      const pinned = this.#open(known.identity.pid, known.identity.startTime);
      if (pinned !== null) {
        if (pinned.identity.inode === known.identity.inode && pinned.cgroup === known.cgroup) return pinned;
        pinned.process[Symbol.dispose]();
      }
      this.#known.delete(directory);
    }
    const oldest = await this.#look(directory, slices);
    if (oldest === 'too-large') return oldest;
    const init = selectContainerInit(oldest);
    if (init === null) return null;
    const pinned = this.#open(init.pid, init.startTime);
    if (pinned === null) return 'ended';
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(directory, { identity: pinned.identity, cgroup: pinned.cgroup });
    return pinned;
  }

  async #look(directory: string, slices: Slices): Promise<readonly ContainerProcess[] | 'too-large'> {
    if ((this.#tooLarge.get(directory) ?? 0) > performance.now()) return 'too-large';
    const look =
      this.#looks.get(directory) ?? oldestContainerProcesses(this.#libc, this.#proc, directory, slices);
    this.#looks.set(directory, look);
    try {
      return await look;
    } catch (error) {
      if (!(error instanceof ContainerTooLarge)) throw error;
      if (this.#tooLarge.size >= MAX_KNOWN) this.#tooLarge.clear();
      this.#tooLarge.set(directory, performance.now() + TOO_LARGE_MS);
      return 'too-large';
    } finally {
      if (this.#looks.get(directory) === look) this.#looks.delete(directory);
    }
  }

  /** `null`: it has ended. */
  #open(pid: number, startTime: number): (PinnedInit & Known) | null {
    let process: PinnedProcess | undefined;
    try {
      process = PinnedProcess.open(this.#libc, this.#proc, pid);
      const cgroup = process.readText('cgroup');
      const stat = parseStat(process.readText('stat'));
      if (stat?.startTime === startTime && !hasEnded(stat))
        return { process, identity: process.identify(startTime), cgroup };
    } catch (error) {
      process?.[Symbol.dispose]();
      if (hasCode(error, 'ESRCH', 'ENOENT')) return null;
      throw error;
    }
    process[Symbol.dispose]();
    return null;
  }
}
