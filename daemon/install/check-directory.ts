import fs from 'node:fs';
import path from 'node:path';

import { followLinks } from '../host/follow-links.ts';
import { mountOptions } from '../host/mount-options.ts';
import { InstallProblem } from './install-problem.ts';

export interface DirectoryToCheck {
  /** As it is here. */
  readonly directory: string;
  /** As the node has it. */
  readonly nodeDirectory: string;
  /** Put before a path of the node. */
  readonly root: string;
  readonly needsSetuid: boolean;
}

/**
 * Checks a directory before a stub is put below it. What libvirt starts there, and for setuid stubs the kernel runs as root,
 * may be nobody's but root's.
 *
 * @throws InstallProblem
 */
export function checkDirectory(options: DirectoryToCheck): void {
  const { directory, nodeDirectory, root } = options;
  const info = fs.lstatSync(directory, { throwIfNoEntry: false });
  if (info === undefined)
    throw new InstallProblem(
      'no-target',
      `there is no directory ${nodeDirectory}`,
      `run on the node: install -d -m 755 ${nodeDirectory}`,
    );
  if (!info.isDirectory())
    throw new InstallProblem(
      'no-target',
      `${nodeDirectory} is no directory`,
      'remove it, or name another --target',
    );
  checkMount(options);
  const real = realPath(root, nodeDirectory);
  if (real === null) {
    // The node can't be looked at from here: what is mounted here is.
    checkOwner(directory, nodeDirectory, false);
    return;
  }
  const same = fs.statSync(root + real);
  if (same.dev !== info.dev || same.ino !== info.ino)
    throw new InstallProblem(
      'no-target',
      `${directory} is another directory than the node's ${nodeDirectory}`,
      'mount that one there, or correct --node-target',
    );
  for (let at = real; ; at = path.dirname(at)) {
    checkOwner(root + at, at, at !== real);
    if (at === '/') return;
  }
}

function realPath(root: string, directory: string): string | null {
  try {
    return followLinks(root, directory).at(-1)?.path ?? null;
  } catch {
    return null;
  }
}

function checkMount({ directory, nodeDirectory, needsSetuid }: DirectoryToCheck): void {
  // A bind mount, such as a volume of the node, has the options of what it was made from.
  const options = mountOptions(fs.readFileSync('/proc/self/mountinfo', 'utf8'), fs.realpathSync(directory));
  const remount = (option: string): string =>
    `run on the node: mount -o remount,${option} "$(findmnt -n -o TARGET --target ${nodeDirectory})", or name a --target elsewhere`;
  if (options.has('noexec'))
    throw new InstallProblem(
      'noexec',
      `${nodeDirectory} is on a mount with noexec, so libvirt could not start a stub there`,
      remount('exec'),
    );
  if (needsSetuid && options.has('nosuid'))
    throw new InstallProblem(
      'nosuid',
      `${nodeDirectory} is on a mount with nosuid, so a setuid stub would have no privileges`,
      `${remount('suid')}, or leave out --setuid`,
    );
  if (options.has('ro'))
    throw new InstallProblem('read-only', `${nodeDirectory} is on a read-only mount`, remount('rw'));
}

/**
 * A directory above ours may be sticky: then others can't rename what is root's in it.
 *
 * @throws InstallProblem
 */
function checkOwner(place: string, name: string, maySticky: boolean): void {
  const { uid, mode } = fs.statSync(place);
  if (uid === 0 && ((mode & 0o022) === 0 || (maySticky && (mode & 0o1000) !== 0))) return;
  throw new InstallProblem(
    'not-roots-alone',
    `others than root may write to ${name}`,
    `run on the node: chown root:root ${name} && chmod go-w ${name}`,
  );
}
