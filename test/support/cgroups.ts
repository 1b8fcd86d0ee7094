import { existsSync, readFileSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hasCode } from '../../daemon/errors.ts';
import { killNow } from './processes.ts';
import { waitUntil } from './wait-until.ts';

/** Where the cgroup hierarchies of this machine are mounted, of version 1 and 2. */
export function listCgroupRoots(): readonly string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .map(([, path = '']) => path);
}

/** The cgroup paths of a process by hierarchy: `memory`, `name=systemd`, and the empty text for version 2. */
export function readCgroups(pid: number): ReadonlyMap<string, string> {
  const entries = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): [string, string] => {
      const [, hierarchy = '', ...path] = line.split(':');
      return [hierarchy, path.join(':')];
    });
  return new Map(entries);
}

/** The directories of a cgroup in all hierarchies that have it. */
export function findCgroup(path: string): readonly string[] {
  return listCgroupRoots()
    .map((root) => join(root, path))
    .filter((directory) => existsSync(directory));
}

/** All directories below and including one, children before parents. */
export function listCgroupTree(directory: string): readonly string[] {
  const children = tryToList(directory)?.map((name) => join(directory, name));
  if (children === undefined) return [];
  return [
    ...children
      .filter((child) => statSync(child, { throwIfNoEntry: false })?.isDirectory())
      .flatMap(listCgroupTree),
    directory,
  ];
}

/** Undefined where there is no such directory, or no longer. */
function tryToList(directory: string): readonly string[] | undefined {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENODEV')) return undefined;
    throw error;
  }
}

/** The processes in a cgroup directory, without those of its children. */
export function listCgroupProcesses(directory: string): readonly number[] {
  try {
    return readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Kills all processes of a cgroup and of those below it, in all hierarchies, and removes the directories. */
export async function removeCgroup(path: string): Promise<void> {
  for (const directory of findCgroup(path)) {
    await waitUntil(`the cgroup ${directory} can be removed`, () => tryToRemove(directory), 10_000);
  }
}

function tryToRemove(directory: string): true | undefined {
  for (const each of listCgroupTree(directory)) {
    listCgroupProcesses(each).forEach(killNow);
    try {
      rmdirSync(each);
    } catch {
      // Its processes are still ending: the next try.
    }
  }
  return existsSync(directory) ? undefined : true;
}

/** The directories on the way to a cgroup in all hierarchies, parents first. */
export function listCgroupParents(path: string): readonly string[] {
  const parents: string[] = [];
  for (let parent = dirname(path); parent !== '/'; parent = dirname(parent)) parents.unshift(parent);
  return listCgroupRoots().flatMap((root) => parents.map((parent) => join(root, parent)));
}
