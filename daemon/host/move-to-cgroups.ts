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

/** The process ended while it was moved, and another one with its pid is in the cgroup since. */
export class StrangerMoved extends Error {
  constructor(directory: string, pid: number) {
    super(
      `Cannot tell whether process ${pid} belongs into ${directory}: it may have been moved there in place of one that ` +
        'ended; look what it is, and move it back unless the pod started it',
    );
  }
}

/**
 * Moves a process to other cgroups. The kernel takes a pid for that, and a pid that was reaped may be another's by then.
 * Which cgroup that one was taken from, nobody can tell any more: it is left where it is.
 *
 * @param directories as this process sees them
 * @throws MoveError; StrangerMoved
 */
export function moveToCgroups(
  process: Pick<PinnedProcess, 'pid' | 'assertAlive' | 'isAlive'>,
  directories: readonly string[],
): void {
  for (const directory of directories) {
    try {
      write(process, directory);
    } catch (error) {
      if (!process.isAlive() && holds(directory, process.pid))
        throw new StrangerMoved(directory, process.pid);
      throw new MoveError(directory, error);
    }
  }
}

function write(process: Pick<PinnedProcess, 'pid' | 'assertAlive'>, directory: string): void {
  const file = fs.openSync(`${directory}/cgroup.procs`, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW);
  try {
    process.assertAlive();
    fs.writeSync(file, String(process.pid));
    // Not reaped yet: nobody else had its pid.
    process.assertAlive();
  } finally {
    fs.closeSync(file);
  }
}

function holds(directory: string, pid: number): boolean {
  try {
    return fs.readFileSync(`${directory}/cgroup.procs`, 'latin1').split('\n').includes(String(pid));
  } catch {
    // The pod is ending, and with it whatever is there.
    return false;
  }
}
