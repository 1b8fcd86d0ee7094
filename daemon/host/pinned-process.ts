import fs from 'node:fs';

import { hasCode } from '../errors.ts';
import { parseStat } from '../target/parse-stat.ts';
import {
  namespaceKinds,
  type NamespaceKind,
  type Namespaces,
  type ProcessIdentity,
} from '../target/target.ts';
import type { FileStatus, Libc } from './libc.ts';
import { pidfdInode } from './pidfd-inode.ts';

/**
 * A process held by a pidfd and by an fd of its `/proc` directory. Everything read through it is of that very
 * process: once it is gone, reads throw `ESRCH`, also when its pid belongs to another process by then.
 */
export class PinnedProcess implements Disposable {
  readonly pid: number;
  readonly #libc: Libc;
  readonly #pidfd: number;
  readonly #directory: number;
  #isOpen = true;

  private constructor(libc: Libc, pid: number, pidfd: number, directory: number) {
    this.#libc = libc;
    this.pid = pid;
    this.#pidfd = pidfd;
    this.#directory = directory;
  }

  /**
   * For signals, for setns and for the shim.
   *
   * @throws Error once it is disposed of: the number may be that of another file by then
   */
  get pidfd(): number {
    this.#assertOpen();
    return this.#pidfd;
  }

  /** The directory `/proc/PID`. Throws like {@link pidfd}. */
  get directory(): number {
    this.#assertOpen();
    return this.#directory;
  }

  /**
   * @param proc mount point of a procfs that numbers processes as this process does
   * @throws `ESRCH` or `ENOENT` when there is no such process
   */
  static open(libc: Libc, proc: string, pid: number): PinnedProcess {
    return PinnedProcess.adopt(libc, proc, pid, libc.pidfdOpen(pid));
  }

  /** The very process that was identified before; `null` when it has ended, and was reaped. */
  static reopen(libc: Libc, proc: string, identity: ProcessIdentity): PinnedProcess | null {
    let process: PinnedProcess | null = null;
    try {
      process = PinnedProcess.open(libc, proc, identity.pid);
      const own = process.identify(parseStat(process.readText('stat'))?.startTime ?? NaN);
      // What an earlier release recorded has no inode.
      const isSame = identity.inode === undefined || own.inode === identity.inode;
      if (isSame && own.startTime === identity.startTime) return process;
    } catch (error) {
      if (!hasCode(error, 'ESRCH', 'ENOENT')) {
        process?.[Symbol.dispose]();
        throw error;
      }
    }
    process?.[Symbol.dispose]();
    return null;
  }

  /** Like {@link open}, for a pidfd that is already there. It is closed when this fails. */
  static adopt(libc: Libc, proc: string, pid: number, pidfd: number): PinnedProcess {
    let directory: number | undefined;
    try {
      directory = fs.openSync(`${proc}/${pid}`, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
      const process = new PinnedProcess(libc, pid, pidfd, directory);
      // Alive after the directory was opened: the pid was not reused in between, so both are the same process.
      process.assertAlive();
      return process;
    } catch (error) {
      fs.closeSync(pidfd);
      if (directory !== undefined) fs.closeSync(directory);
      throw error;
    }
  }

  /** What tells it from all others, with a start time that was read from it. */
  identify(startTime: number): ProcessIdentity {
    const inode = pidfdInode(this.pidfd);
    return { pid: this.pid, startTime, ...(inode === undefined ? {} : { inode }) };
  }

  isAlive(): boolean {
    return this.#libc.isAlive(this.pidfd);
  }

  /** @throws `ESRCH` when the process has ended */
  assertAlive(): void {
    if (!this.isAlive()) this.#libc.signal(this.pidfd, 0);
  }

  /** Sends a signal; false when the process has ended. */
  signal(number: number): boolean {
    try {
      this.#libc.signal(this.pidfd, number);
      return true;
    } catch (error) {
      if (hasCode(error, 'ESRCH')) return false;
      throw error;
    }
  }

  /** At most 64 KiB of a file of the `/proc` directory. */
  read(file: string): Buffer {
    return this.#libc.readAt(this.directory, file);
  }

  readText(file: string): string {
    return this.read(file).toString('latin1');
  }

  /** Where one of the links of the `/proc` directory leads, e.g. `exe`. */
  readLink(name: string): string {
    return this.#libc.readLinkAt(this.directory, name);
  }

  /** Device and inode of what a link leads to, e.g. the executable. */
  statLink(name: string): FileStatus {
    return this.#libc.statCached(`/proc/self/fd/${this.directory}/${name}`);
  }

  namespaces(): Namespaces {
    const inodes: Partial<Record<NamespaceKind, number>> = {};
    for (const kind of namespaceKinds) {
      try {
        const inode = /^\w+:\[(\d+)\]$/.exec(this.readLink(`ns/${kind}`))?.[1];
        if (inode !== undefined) inodes[kind] = Number(inode);
      } catch (error) {
        // A kernel without this kind; a process that has gone says ESRCH or ENOENT for all of them.
        if (!hasCode(error, 'ENOENT') || !this.isAlive()) throw error;
      }
    }
    return inodes;
  }

  /** A second call does nothing: the numbers may belong to other files by then. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    fs.closeSync(this.#pidfd);
    fs.closeSync(this.#directory);
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw new Error(`Cannot use process ${this.pid}: it was let go of`);
  }
}
