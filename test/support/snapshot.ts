import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { listCgroupRoots, listCgroupTree } from './cgroups.ts';
import { listMountsBelow } from './remove-scratch.ts';
import { listProcesses, readArguments } from './processes.ts';

export interface SnapshotScope {
  /** Texts that tell our things from all others on the machine: ids of scratches, pod UIDs, VM uuids. */
  readonly markers: readonly string[];
  /** Directories whose files are listed. */
  readonly directories?: readonly string[];
}

/** What is there at one moment, one line each: `process 17 virt-launcher …`, `cgroup …`, `mount …`, `file …`. */
export type Snapshot = ReadonlySet<string>;

/** Lists the processes, cgroups, mounts and sockets that carry one of the markers, and the files in the directories. */
export function takeSnapshot({ markers, directories = [] }: SnapshotScope): Snapshot {
  const isOurs = (text: string): boolean => markers.some((marker) => text.includes(marker));
  const processes = listProcesses()
    .filter(({ pid }) => isOurs(describeProcess(pid)))
    .map(
      ({ pid, startTime, state }) =>
        `${state === 'Z' ? 'zombie' : 'process'} ${pid} (${startTime}) ${readArguments(pid).join(' ')}`,
    );
  const cgroups = listCgroupRoots().flatMap(listCgroupTree).filter(isOurs);
  const mounts = listMountsBelow('').filter(isOurs);
  const sockets = readText('/proc/net/unix')
    .split('\n')
    .map((line) => line.split(' ').at(-1) ?? '')
    .filter((path) => path.startsWith('/') && isOurs(path));
  const files = directories.flatMap(listFiles);
  return new Set([
    ...processes,
    ...cgroups.map((path) => `cgroup ${path}`),
    ...mounts.map((path) => `mount ${path}`),
    ...sockets.map((path) => `socket ${path}`),
    ...files.map((path) => `file ${path}`),
  ]);
}

/** What the second snapshot has and the first has not. */
export function listNew(before: Snapshot, after: Snapshot): readonly string[] {
  return [...after].filter((line) => !before.has(line)).sort();
}

/** All of a process that may carry a marker: arguments, environment, cgroups. */
function describeProcess(pid: number): string {
  return ['cmdline', 'environ', 'cgroup'].map((name) => readText(`/proc/${pid}/${name}`)).join('\n');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function listFiles(directory: string): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const path = join(directory, name);
    const isDirectory = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    return isDirectory ? [path, ...listFiles(path)] : [path];
  });
}
