import { mkdirSync, openSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Libc } from '../../daemon/host/libc.ts';
import { PinnedProcess } from '../../daemon/host/pinned-process.ts';
import type { Scratch } from './scratch.ts';

const files = ['attr', 'cgroup', 'cmdline', 'exe', 'limits', 'ns', 'oom_score_adj', 'root', 'stat', 'status'];

/**
 * Takes the pin away: has the daemon of this process remember of one process nothing but its pid, and look whatever has
 * it. Its directory is one of links by number, for the programs in C as well, and its pidfd one of a process that lives.
 */
export function rememberPidsOnly(
  scratch: Scratch,
  libc: Libc,
  isMeant: (pid: number) => boolean,
): Disposable {
  const own = libc.pidfdOpen(process.pid);
  const directories = new Map<number, number>();
  const directoryOf = (pid: number): number => {
    const known = directories.get(pid);
    if (known !== undefined) return known;
    const path = join(scratch.directory, `by-number-${pid}`);
    mkdirSync(path);
    for (const file of files) symlinkSync(`/proc/${pid}/${file}`, join(path, file));
    const directory = openSync(path, 'r');
    directories.set(pid, directory);
    return directory;
  };
  const forget = (name: 'pidfd' | 'directory', substitute: (pid: number) => number): (() => void) => {
    const property = Object.getOwnPropertyDescriptor(PinnedProcess.prototype, name);
    if (property === undefined) throw new Error(`A pinned process has no ${name}`);
    Object.defineProperty(PinnedProcess.prototype, name, {
      ...property,
      get(this: PinnedProcess): unknown {
        return isMeant(this.pid) ? substitute(this.pid) : property.get?.call(this);
      },
    });
    return () => Object.defineProperty(PinnedProcess.prototype, name, property);
  };
  const undo = [forget('pidfd', () => own), forget('directory', directoryOf)];
  return { [Symbol.dispose]: () => undo.forEach((each) => each()) };
}
