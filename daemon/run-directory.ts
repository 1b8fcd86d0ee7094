import fs from 'node:fs';
import path from 'node:path';

/** The daemon's places below `run-directory`. */
export interface RunDirectory {
  readonly launchSocket: string;
  readonly apiSocket: string;
  readonly state: string;
}

/** Whose group may reach `launch/`; root's when the node has no such group. */
export interface RunDirectoryOptions {
  readonly launchGid: number;
}

function makeDirectory(directory: string, mode: number, gid: number): void {
  fs.mkdirSync(directory, { recursive: true, mode });
  const info = fs.lstatSync(directory);
  if (!info.isDirectory()) throw new Error(`Cannot use "${directory}": it is not a directory; remove it`);
  // Set each time: an earlier configuration may have given it to another group.
  fs.chownSync(directory, 0, gid);
  fs.chmodSync(directory, mode);
}

/** Makes the directories with their owners and modes. Existing ones are put right. */
export function makeRunDirectory(root: string, { launchGid }: RunDirectoryOptions): RunDirectory {
  makeDirectory(root, 0o755, 0);
  makeDirectory(path.join(root, 'launch'), 0o750, launchGid);
  makeDirectory(path.join(root, 'api'), 0o750, 0);
  makeDirectory(path.join(root, 'state'), 0o700, 0);
  return {
    launchSocket: path.join(root, 'launch', 'launch.sock'),
    apiSocket: path.join(root, 'api', 'api.sock'),
    state: path.join(root, 'state'),
  };
}
