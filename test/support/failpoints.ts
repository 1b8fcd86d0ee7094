import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../../daemon/errors.ts';
import type { SandboxMount } from './sandbox-spec.ts';
import type { Scratch } from './scratch.ts';

/**
 * Marks in a directory for which programs stop themselves: those in C that were compiled with `FAILPOINTS`, and the
 * daemon of `stoppable-daemon.ts`. Each mark stops one process, once.
 */
export class Failpoints {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  static open(scratch: Scratch): Failpoints {
    const directory = join(scratch.directory, 'failpoints');
    mkdirSync(directory);
    // QEMU's process takes its mark away when it is libvirt's user already.
    chmodSync(directory, 0o777);
    return new Failpoints(directory);
  }

  /** Puts the directory where a process looks for it that has entered the pod. */
  get mount(): SandboxMount {
    return { source: this.directory, destination: this.directory };
  }

  set(name: string): void {
    writeFileSync(this.#pathOf(name), '');
  }

  /** Whether nobody has come there yet. */
  isSet(name: string): boolean {
    return existsSync(this.#pathOf(name));
  }

  clear(): void {
    for (const name of readdirSync(this.directory)) rmSync(join(this.directory, name));
  }

  /** Stops this process where there is the mark, until it gets SIGCONT. */
  stopHere(name: string): void {
    try {
      unlinkSync(this.#pathOf(name));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return;
      throw error;
    }
    process.kill(process.pid, 'SIGSTOP');
  }

  #pathOf(name: string): string {
    return join(this.directory, `failpoint-${name}`);
  }
}
