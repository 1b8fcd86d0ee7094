import fs from 'node:fs';

import type { PinnedProcess } from './pinned-process.ts';

/** Which cgroup a process could not be moved to; `code` is an errno's name. */
export class MoveError extends Error {
  readonly directory: string;
  readonly code: string;

  constructor(directory: string, cause: unknown) {
    super(`Cannot move a process to ${directory}`, { cause });
    this.directory = directory;
    this.code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'EIO';
  }
}

/**
 * Moves a process to other cgroups. The kernel takes a pid for that, so who calls this looks afterwards whether the
 * process that it holds is where it should be.
 *
 * @param directories as this process sees them
 * @throws MoveError
 */
export function moveToCgroups(process: PinnedProcess, directories: readonly string[]): void {
  for (const directory of directories) {
    try {
      process.assertAlive();
      const file = fs.openSync(`${directory}/cgroup.procs`, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW);
      try {
        fs.writeSync(file, String(process.pid));
      } finally {
        fs.closeSync(file);
      }
    } catch (error) {
      throw new MoveError(directory, error);
    }
  }
}
