import fs from 'node:fs';
import path from 'node:path';

import { hasCode } from '../errors.ts';
import { localName } from '../profiles/list-profile-directories.ts';
import { InstallProblem } from './install-problem.ts';
import { hashOf, readRecord, recordPath } from './install-record.ts';
import { listRunningStubs } from './list-running-stubs.ts';
import { syncDirectory } from './write-in-place.ts';

export interface UninstallOptions {
  readonly profile: string;
  readonly emulator: string;
  /** The directory of all profiles, as it is here. */
  readonly target: string;
  /** As the node has it. */
  readonly nodeTarget: string;
  /** The node's. */
  readonly proc: string;
  /** Also while a stub runs. */
  readonly force: boolean;
}

export interface Uninstallation {
  readonly emulator: string;
  /** Paths of the node that were removed, last thing first; none where nothing was installed. */
  readonly removed: readonly string[];
}

/**
 * Removes a stub that was installed, the link beside it when no other stub needs it, and the directory when nothing is left
 * in it.
 *
 * @throws InstallProblem
 */
export function uninstallStub(options: UninstallOptions): Uninstallation {
  const { profile, emulator, target, nodeTarget, proc, force } = options;
  if (process.geteuid?.() !== 0)
    throw new InstallProblem('not-root', 'only root can remove a stub', 'run it as root');
  const directory = path.join(target, profile);
  const stub = path.join(directory, emulator);
  const nodeDirectory = path.join(nodeTarget, profile);
  const nodeStub = path.join(nodeDirectory, emulator);
  const removed: string[] = [];
  const record = readRecord(stub);
  if (fs.existsSync(stub)) {
    if (record?.sha256 !== hashOf(fs.readFileSync(stub)))
      throw new InstallProblem(
        'foreign-file',
        `${nodeStub} is not what was installed there`,
        `if nobody needs it: rm ${nodeStub}`,
      );
    const pids = listRunningStubs(proc, stub);
    if (pids.length > 0 && !force)
      throw new InstallProblem(
        'running',
        `VMs run by ${nodeStub} (${pids.length === 1 ? 'process' : 'processes'} ${pids.join(', ')})`,
        "stop them first, or say --force: they go on, but can't be started again",
      );
    remove(stub, nodeStub, removed);
  }
  if (record === null) return { emulator: nodeStub, removed };
  remove(recordPath(stub), path.join(nodeDirectory, path.basename(recordPath(stub))), removed);
  const rest = fs.readdirSync(directory).filter((name) => name !== localName);
  if (rest.length === 0) {
    if (readLink(path.join(directory, localName)) === record.local)
      remove(path.join(directory, localName), path.join(nodeDirectory, localName), removed);
    if (fs.readdirSync(directory).length === 0) {
      fs.rmdirSync(directory);
      removed.push(nodeDirectory);
    }
  }
  syncDirectory(fs.existsSync(directory) ? directory : target);
  return { emulator: nodeStub, removed };
}

function remove(file: string, name: string, removed: string[]): void {
  try {
    fs.unlinkSync(file);
    removed.push(name);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

function readLink(file: string): string | null {
  try {
    return fs.readlinkSync(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EINVAL')) return null;
    throw error;
  }
}
