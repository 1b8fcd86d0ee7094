import fs from 'node:fs';
import path from 'node:path';

import { hasCode } from './errors.ts';
import type { Libc } from './host/libc.ts';

/** The daemon's places below `run-directory`, which are this daemon's alone until they are disposed of. */
export interface RunDirectory extends Disposable {
  readonly launchSocket: string;
  readonly apiSocket: string;
  readonly state: string;
}

/** Whose group may reach `launch/`; root's when the node has no such group. */
export interface RunDirectoryOptions {
  readonly launchGid: number;
  readonly libc: Pick<Libc, 'lock'>;
}

/**
 * Makes a directory with this owner and mode, or puts an existing one right.
 * @throws Error when it is not a directory of this user's
 */
export function makeDirectory(directory: string, mode: number, gid: number): void {
  fs.mkdirSync(directory, { recursive: true, mode });
  const info = fs.lstatSync(directory);
  if (!info.isDirectory()) throw new Error(`Cannot use "${directory}": it is not a directory; remove it`);
  // Whoever made it may have put things into it, or may put some there later.
  if (info.uid !== process.geteuid?.())
    throw new Error(`Cannot use "${directory}": it belongs to uid ${info.uid}, not to root; remove it`);
  // Set each time: an earlier configuration may have given it to another group.
  fs.chownSync(directory, info.uid, gid);
  fs.chmodSync(directory, mode);
}

/** Of two daemons, one gets it. The kernel takes it from a daemon that ends, however it ends. */
function lock(libc: Pick<Libc, 'lock'>, root: string, state: string): number {
  const fd = fs.openSync(state, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    libc.lock(fd);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    if (!hasCode(error, 'EAGAIN')) throw error;
    throw new Error(
      `Cannot serve in "${root}": another node-driver already does; stop it first, or set another "run-directory"`,
      { cause: error },
    );
  }
}

/**
 * Makes the directories with their owners and modes, and takes them for this daemon alone. Existing ones are put right.
 *
 * @throws Error when another daemon has them, or when one is not root's own directory
 */
export function makeRunDirectory(root: string, { launchGid, libc }: RunDirectoryOptions): RunDirectory {
  makeDirectory(root, 0o755, 0);
  const state = path.join(root, 'state');
  makeDirectory(state, 0o700, 0);
  const fd = lock(libc, root, state);
  let isOpen = true;
  const dispose = (): void => {
    if (isOpen) fs.closeSync(fd);
    isOpen = false;
  };
  try {
    makeDirectory(path.join(root, 'launch'), 0o750, launchGid);
    makeDirectory(path.join(root, 'api'), 0o750, 0);
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    launchSocket: path.join(root, 'launch', 'launch.sock'),
    apiSocket: path.join(root, 'api', 'api.sock'),
    state,
    [Symbol.dispose]: dispose,
  };
}
