import fs, { type BigIntStats } from 'node:fs';

import { isProfileName } from '../config/profile-config.ts';
import { hasCode } from '../errors.ts';
import { followLinks } from '../host/follow-links.ts';

/** One copy of the stub. */
export interface InstalledStub {
  /** As the node has it. */
  readonly path: string;
  readonly info: BigIntStats;
}

/** The directory of a profile, with the stubs in it. */
export interface ProfileDirectory {
  readonly name: string;
  /** As the node has it. */
  readonly path: string;
  readonly stubs: readonly InstalledStub[];
  /** What is in the way of something here that looks like a stub or a profile; a line each. */
  readonly problems: readonly string[];
}

/** The name of the link to the emulator that answers probes. */
export const localName = 'local';

/**
 * Reads the directory of the emulators as it is now: nothing is remembered, since an inode of a stub that was replaced
 * may be another file's soon.
 *
 * @param root put before a path of the node
 * @returns by name; none where the directory is missing
 */
export function listProfileDirectories(root: string, emulators: string): readonly ProfileDirectory[] {
  try {
    const directory = followLinks(root, emulators).at(-1)?.path ?? emulators;
    const names = fs
      .readdirSync(root + directory)
      .filter(isProfileName)
      .sort();
    const found = names.map((name) => readProfile(root, `${directory}/${name}`, name));
    return found.filter((each) => each !== null);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function readProfile(root: string, path: string, name: string): ProfileDirectory | null {
  try {
    const info = fs.lstatSync(root + path, { bigint: true });
    if (!info.isDirectory()) return null;
    if (!isRootsAlone(info)) return { name, path, stubs: [], problems: [notRootsAlone(path)] };
    const stubs: InstalledStub[] = [];
    const problems: string[] = [];
    for (const file of fs.readdirSync(root + path).sort()) {
      const stub = {
        path: `${path}/${file}`,
        info: fs.lstatSync(`${root}${path}/${file}`, { bigint: true }),
      };
      if (file === localName || stub.info.isDirectory()) continue;
      // libvirt would take its ctime for that of what it leads to, and the kernel its inode.
      if (stub.info.isSymbolicLink()) problems.push(`"${stub.path}" is a link; put a copy of the stub there`);
      else if (!stub.info.isFile() || (stub.info.mode & 0o111n) === 0n) continue;
      else if (isRootsAlone(stub.info)) stubs.push(stub);
      else problems.push(notRootsAlone(stub.path));
    }
    return { name, path, stubs, problems };
  } catch (error) {
    // Removed while it was read.
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

/** Whoever else can write there could make a program of his own one of ours. */
function isRootsAlone({ uid, mode }: BigIntStats): boolean {
  return uid === 0n && (mode & 0o022n) === 0n;
}

function notRootsAlone(path: string): string {
  return `others than root may write to "${path}"; give it to root, and take the permission from others (chmod go-w)`;
}
