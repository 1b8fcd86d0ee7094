import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { hasCode } from '../errors.ts';
import { followLinks } from '../host/follow-links.ts';
import { findGroup, parseUsers, readHostFile, resolveUsers } from '../host/user-database.ts';
import type { LaunchMode } from '../machines/machine.ts';
import { localName } from '../profiles/list-profile-directories.ts';
import { checkDirectory } from './check-directory.ts';
import { elfMachine } from './elf-machine.ts';
import { findLsmProblems } from './find-lsm-problems.ts';
import { InstallProblem, type Problem } from './install-problem.ts';
import { hashOf, readRecord, writeRecord } from './install-record.ts';
import { nodeRoot } from './node-root.ts';
import { linkInPlace, syncDirectory, writeInPlace } from './write-in-place.ts';

export interface InstallOptions {
  /** The program to put there. */
  readonly program: string;
  readonly version: string;
  readonly mode: LaunchMode;
  readonly profile: string;
  /** Name of a real emulator, which the stub gets. */
  readonly emulator: string;
  /** The directory of all profiles, as it is here. */
  readonly target: string;
  /** As the node has it. */
  readonly nodeTarget: string;
  /** Path of the emulator that answers probes. */
  readonly local: string;
  /** That path is one of libvirt's container, not of the node. */
  readonly localElsewhere: boolean;
  readonly setuid: boolean;
  /** Name or number; null: that of the node's qemu user, where one is needed. */
  readonly group: string | null;
  /** The node's. */
  readonly proc: string;
}

export interface Installation {
  /** For a domain's `<emulator>`. */
  readonly emulator: string;
  readonly stub: 'installed' | 'replaced' | 'unchanged';
  readonly local: 'linked' | 'replaced' | 'unchanged';
  /** What does not stand against it, but would against a VM. */
  readonly warnings: readonly Problem[];
}

/** The users that distributions run QEMU as. */
const QEMU_USERS = ['libvirt-qemu', 'qemu'];

/**
 * Puts a stub, the link to the emulator that answers probes, and a record of both into the directory of a profile. Checks
 * all that can be checked first, so that a refusal has changed nothing but for empty directories.
 *
 * @throws InstallProblem
 */
export function installStub(options: InstallOptions): Installation {
  const { target, nodeTarget, profile, emulator, setuid, local } = options;
  if (process.geteuid?.() !== 0)
    throw new InstallProblem('not-root', 'only root can install a stub', 'run it as root');
  const content = readProgram(options.program);
  const root = nodeRoot(options.proc);
  const gid = findGid(options, root);
  checkDirectory({ directory: target, nodeDirectory: nodeTarget, root, needsSetuid: setuid });
  const directory = path.join(target, profile);
  makeDirectory(directory);
  checkDirectory({
    directory,
    nodeDirectory: path.join(nodeTarget, profile),
    root,
    needsSetuid: setuid,
  });
  const stub = path.join(directory, emulator);
  const nodeStub = path.join(nodeTarget, profile, emulator);
  checkIsOurs(stub, nodeStub);
  if (!options.localElsewhere) checkLocal(root, local, nodeTarget);

  // First the link: a stub without it could not answer probes, and libvirt would keep that in mind.
  const linked = putLink(path.join(directory, localName), local);
  const mode = modeOf(options);
  const put = putStub(stub, { content, mode, gid });
  writeRecord(stub, { sha256: hashOf(content), local, version: options.version });
  return { emulator: nodeStub, stub: put, local: linked, warnings: findLsmProblems(root) };
}

/** Who is not of the group has no business with it, where there is one. */
function modeOf({ setuid, group }: InstallOptions): number {
  if (setuid) return 0o4750;
  return group === null ? 0o755 : 0o750;
}

function readProgram(program: string): Buffer {
  let content: Buffer;
  try {
    content = fs.readFileSync(program);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'EACCES', 'EISDIR')) throw error;
    throw new InstallProblem('no-program', `there is no stub ${program}`, 'build it: make -C stub');
  }
  const machine = elfMachine(content);
  if (machine === os.machine()) return content;
  throw new InstallProblem(
    'wrong-architecture',
    `${program} is ${machine === null ? 'no program' : `for ${machine}`}, and this node is ${os.machine()}`,
    `use the image, or the build, for ${os.machine()}`,
  );
}

function findGid({ group, setuid }: InstallOptions, root: string): number {
  if (group === null && !setuid) return 0;
  if (group !== null && /^\d+$/u.test(group)) return Number(group);
  const gid =
    group === null
      ? resolveUsers(parseUsers(readHostFile(root, '/etc/passwd')), QEMU_USERS).gid
      : findGroup(readHostFile(root, '/etc/group'), group);
  if (gid !== null) return gid;
  throw new InstallProblem(
    'no-group',
    group === null ? `the node has no user ${QEMU_USERS.join(' or ')}` : `the node has no group ${group}`,
    'name the group of the user that libvirt runs QEMU as: --group NAME, or its number',
  );
}

function makeDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { mode: 0o755 });
    // Whatever the umask is.
    fs.chmodSync(directory, 0o755);
    syncDirectory(path.dirname(directory));
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

/** An emulator of somebody, or a stub that was put there in another way, is not ours to replace. */
function checkIsOurs(stub: string, nodeStub: string): void {
  const info = fs.lstatSync(stub, { throwIfNoEntry: false });
  if (info === undefined) return;
  const record = readRecord(stub);
  if (info.isFile() && (record !== null || fs.readFileSync(stub).includes('KUBEVIRT_IO_VM_UUID'))) return;
  throw new InstallProblem(
    'foreign-file',
    `${nodeStub} is no stub`,
    `move it away: mv ${nodeStub} ${nodeStub}.old; or name another --profile`,
  );
}

/** The emulator behind `local`, through links of the node, is none of the stubs: it would probe itself. */
function checkLocal(root: string, local: string, nodeTarget: string): void {
  const remedy =
    'name the emulator that answers probes: --local PATH; or say --local-elsewhere where it is in the container of libvirt';
  let steps;
  try {
    steps = followLinks(root, local);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) throw error;
    throw new InstallProblem('no-emulator', `there is no emulator ${local} (${error.code})`, remedy);
  }
  const last = steps.at(-1);
  if (last === undefined || !last.info.isFile() || (last.info.mode & 0o111n) === 0n)
    throw new InstallProblem('no-emulator', `${local} is no program`, remedy);
  if (steps.some((step) => step.path.startsWith(`${nodeTarget}/`)))
    throw new InstallProblem('no-emulator', `${local} leads to a stub`, remedy);
}

function putLink(file: string, target: string): Installation['local'] {
  const before = readLink(file);
  if (before === target) return 'unchanged';
  linkInPlace(file, target);
  return before === null ? 'linked' : 'replaced';
}

function readLink(file: string): string | null {
  try {
    return fs.readlinkSync(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    if (hasCode(error, 'EINVAL')) return '';
    throw error;
  }
}

/** libvirt probes again what has a new ctime, so what is right already is not touched. */
function putStub(
  stub: string,
  file: { readonly content: Buffer; readonly mode: number; readonly gid: number },
): Installation['stub'] {
  const info = fs.lstatSync(stub, { throwIfNoEntry: false });
  if (info === undefined) {
    writeInPlace(stub, file);
    return 'installed';
  }
  const isRight = info.uid === 0 && info.gid === file.gid && (info.mode & 0o7777) === file.mode;
  if (isRight && info.nlink === 1 && fs.readFileSync(stub).equals(file.content)) return 'unchanged';
  writeInPlace(stub, file);
  return 'replaced';
}
