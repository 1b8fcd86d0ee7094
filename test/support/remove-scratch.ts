import { existsSync, readFileSync, readdirSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeCgroup } from './cgroups.ts';
import { Cleanups } from './cleanups.ts';
import type { ProcessIdentity } from './processes.ts';
import { endProcess, isRunning, listDescendants } from './processes.ts';
import { runCommand } from './run-command.ts';
import { readBootId, readRecord } from './scratch-record.ts';

/** Ends a process and all that descend from it. */
export async function endProcessTree(root: ProcessIdentity, grace = 0): Promise<void> {
  const tree = listDescendants(root);
  await endProcess(root, grace);
  for (const process of tree) await endProcess(process, 0);
}

/**
 * Removes all that a run recorded, and its two directories. Works from any state, also after a reboot; touches nothing
 * that the record does not name.
 *
 * @param id e.g. `knd-test-1f2e3d`.
 */
export async function removeScratch(id: string): Promise<void> {
  const directory = join('/var/lib', id);
  const record = readRecord(directory);
  const boot = readBootId();
  const cleanups = new Cleanups();
  cleanups.defer(`remove "${directory}"`, () => removeTree(directory));
  cleanups.defer(`remove "/run/${id}"`, () => removeTree(join('/run', id)));
  for (const entry of record) {
    switch (entry.kind) {
      case 'owner':
        break;
      case 'process':
        if (entry.boot === boot) {
          cleanups.defer(`end process ${entry.pid}`, () => endProcessTree(entry, 2000));
        }
        break;
      case 'cgroup':
        cleanups.defer(`remove the cgroup "${entry.path}"`, () => removeCgroup(entry.path));
        break;
      case 'container':
        cleanups.defer(`delete the container "${entry.id}"`, async () => {
          if (!existsSync(join(entry.root, entry.id))) return;
          await runCommand('runc', ['--root', entry.root, 'delete', '--force', entry.id]);
        });
        break;
      case 'tree':
        cleanups.defer(`remove "${entry.path}"`, () => removeTree(entry.path));
        break;
      case 'setting':
        cleanups.defer(`restore "${entry.path}"`, () => writeFileSync(entry.path, entry.text));
        break;
      case 'directory':
        cleanups.defer(`remove "${entry.path}"`, () => removeShared(entry.path, id));
    }
  }
  await cleanups.run();
}

/** Removes what aborted runs left behind, and gives their ids. Runs whose process still lives are left alone. */
export async function removeLeftovers(kind: string): Promise<readonly string[]> {
  const boot = readBootId();
  const ids = listScratches().filter((name) => name.startsWith(`knd-${kind}-`));
  const removed: string[] = [];
  for (const id of ids) {
    const owner = readRecord(join('/var/lib', id)).find((entry) => entry.kind === 'owner');
    if (owner?.kind === 'owner' && owner.boot === boot && isRunning(owner)) continue;
    await removeScratch(id);
    removed.push(id);
  }
  return removed;
}

async function removeTree(directory: string): Promise<void> {
  for (const mount of listMountsBelow(directory).reverse()) {
    await runCommand('umount', [mount]);
  }
  // A command that was interrupted may still be writing there.
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

/** Whether a scratch, other than the one excepted, has recorded a directory: it was not there before the first. */
export function isClaimed(path: string, except?: string): boolean {
  return listScratches()
    .filter((id) => id !== except)
    .flatMap((id) => readRecord(join('/var/lib', id)))
    .some((entry) => entry.kind === 'directory' && entry.path === path);
}

function listScratches(): readonly string[] {
  return readdirSync('/var/lib').filter((name) => name.startsWith('knd-'));
}

/** Removes an empty directory that no other scratch has claimed: what one has mounted there would vanish too. */
function removeShared(path: string, id: string): void {
  if (isClaimed(path, id)) return;
  try {
    rmdirSync(path);
  } catch {
    // Gone already, or somebody else has put something there.
  }
}

/** Mount points at and below a directory, in the order they were mounted. */
export function listMountsBelow(directory: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((path) => path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))))
    .filter((path) => path === directory || path.startsWith(`${directory}/`));
}
