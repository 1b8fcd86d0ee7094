import fs from 'node:fs';
import path from 'node:path';

import { hasCode } from '../errors.ts';
import { singleQuoted } from '../shell-quote.ts';
import { InstallProblem } from './install-problem.ts';
import { writeInPlace } from './write-in-place.ts';

const NAME = 'kubevirt-node-driver';
/** By which a hook is known for ours, of whatever release. */
const MARK = '# kubevirt-node-driver: a hook of libvirt';
const SETTING = /^emulators='.*'$/mu;

export interface HookOptions {
  /** The script to put there. */
  readonly script: string;
  /** libvirt's `hooks`, as it is here. */
  readonly hooks: string;
  /** The directory of all profiles, as libvirt has it. */
  readonly emulators: string;
}

export type HookState = 'installed' | 'replaced' | 'unchanged';

/**
 * Installs the hook that refuses domains of pods with another emulator than the stub, beside those that are there.
 *
 * @throws InstallProblem
 */
export function installHook({ script, hooks, emulators }: HookOptions): HookState {
  const file = libvirtHookPath(hooks);
  const content = fs
    .readFileSync(script, 'utf8')
    .replace(SETTING, () => `emulators=${singleQuoted(emulators)}`);
  const before = readHook(file);
  const isRight = before !== null && before === content && (fs.statSync(file).mode & 0o7777) === 0o755;
  if (isRight) return 'unchanged';
  if (before !== null && !before.includes(MARK)) throw foreignHook(file);
  try {
    makeDirectory(path.dirname(file));
    writeInPlace(file, { content, mode: 0o755, gid: 0 });
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'EROFS')) throw error;
    throw new InstallProblem(
      'hook',
      `libvirt's hooks can't be in ${hooks} (${error.code})`,
      `make that directory on the node: install -d -m 755 ${hooks}`,
    );
  }
  return before === null ? 'installed' : 'replaced';
}

/** @returns whether there was one. @throws InstallProblem where it is not ours */
export function uninstallHook(hooks: string): boolean {
  const file = libvirtHookPath(hooks);
  const before = readHook(file);
  if (before === null) return false;
  if (!before.includes(MARK)) throw foreignHook(file);
  fs.unlinkSync(file);
  return true;
}

/** libvirt 6.5 and later runs what is in `qemu.d` after `qemu` itself. */
export function libvirtHookPath(hooks: string): string {
  return path.join(hooks, 'qemu.d', NAME);
}

function readHook(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

function makeDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { mode: 0o755 });
    fs.chmodSync(directory, 0o755);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

function foreignHook(file: string): InstallProblem {
  return new InstallProblem(
    'hook',
    `${file} is a hook of somebody else`,
    `move it away: mv ${file} ${file}.old`,
  );
}
