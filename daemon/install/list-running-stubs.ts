import fs from 'node:fs';

import { hasCode } from '../errors.ts';

/** Pids, as `proc` has them, of the processes that execute a file. */
export function listRunningStubs(proc: string, stub: string): readonly number[] {
  const { dev, ino } = fs.statSync(stub);
  return fs
    .readdirSync(proc)
    .filter((name) => /^\d+$/u.test(name))
    .filter((pid) => {
      try {
        const info = fs.statSync(`${proc}/${pid}/exe`);
        return info.dev === dev && info.ino === ino;
      } catch (error) {
        // Ended meanwhile, or a thread of the kernel.
        if (hasCode(error, 'ENOENT', 'ESRCH', 'EACCES')) return false;
        throw error;
      }
    })
    .map(Number);
}
