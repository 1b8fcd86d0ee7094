import fs from 'node:fs';

import { hasCode } from '../errors.ts';
import { hasEnded, parseStat } from '../target/parse-stat.ts';
import { parseStatus } from '../target/parse-status.ts';
import type { ContainerProcess } from '../target/select-container-init.ts';
import type { Libc } from './libc.ts';
import type { Slices } from './turns.ts';

/** More than any container needs. The first process may be the last that is found, so beyond them it is not guessed. */
const MAX_PROCESSES = 65_536;
const MAX_CGROUPS = 4096;
const PIECE_BYTES = 16_384;

/** A container has more processes or cgroups than are looked at. */
export class ContainerTooLarge extends Error {}

/** The cgroups below one, at most so many of them. */
function children(directory: string, limit: number): readonly string[] {
  const found: string[] = [];
  const entries = fs.opendirSync(directory, { bufferSize: 128 });
  try {
    for (let entry = entries.readSync(); entry !== null && found.length < limit; entry = entries.readSync())
      if (entry.isDirectory()) found.push(`${directory}/${entry.name}`);
  } finally {
    entries.closeSync();
  }
  return found;
}

/** Adds those that are in one cgroup, piece by piece: of many, the kernel takes a while to list them. */
async function addPids(pids: number[], directory: string, slices: Slices): Promise<void> {
  const file = fs.openSync(`${directory}/cgroup.procs`, 'r');
  try {
    const piece = Buffer.alloc(PIECE_BYTES);
    let rest = '';
    while (pids.length <= MAX_PROCESSES) {
      const length = fs.readSync(file, piece);
      if (length === 0) return;
      const lines = (rest + piece.toString('latin1', 0, length)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (Number(line) > 0) pids.push(Number(line));
      if (slices.isOver) await slices.next();
    }
  } finally {
    fs.closeSync(file);
  }
}

/** @throws ContainerTooLarge */
async function pidsBelow(directory: string, slices: Slices): Promise<readonly number[]> {
  const pids: number[] = [];
  const directories = [directory];
  for (const each of directories) {
    if (slices.isOver) await slices.next();
    try {
      await addPids(pids, each, slices);
      directories.push(...children(each, MAX_CGROUPS));
    } catch (error) {
      // Gone, or a threaded cgroup, which a workload may make and which lists no processes.
      if (!hasCode(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP', 'ENOTSUP')) throw error;
    }
    if (pids.length > MAX_PROCESSES || directories.length > MAX_CGROUPS)
      throw new ContainerTooLarge(`Cannot look at all that runs in ${directory}: it is too much`);
  }
  return pids;
}

/** `null`: it has ended. */
function readStartTime(libc: Libc, proc: string, pid: number): number | null {
  try {
    const stat = parseStat(libc.readProc(`${proc}/${pid}/stat`).toString('latin1'));
    return stat === null || hasEnded(stat) ? null : stat.startTime;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return null;
    throw error;
  }
}

function readNspid(libc: Libc, proc: string, pid: number): readonly number[] | null {
  try {
    return parseStatus(libc.readProc(`${proc}/${pid}/status`).toString('latin1'))?.nspid ?? null;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return null;
    throw error;
  }
}

/**
 * The oldest processes in a container's cgroup and in those that its workload made below: its first one, and those
 * that started within the same hundredth of a second.
 *
 * @param proc the node's procfs
 * @param directory the container's cgroup in one hierarchy
 * @throws ContainerTooLarge
 */
export async function oldestContainerProcesses(
  libc: Libc,
  proc: string,
  directory: string,
  slices: Slices,
): Promise<readonly ContainerProcess[]> {
  let oldest: number[] = [];
  let startTime = Number.POSITIVE_INFINITY;
  for (const pid of await pidsBelow(directory, slices)) {
    if (slices.isOver) await slices.next();
    const started = readStartTime(libc, proc, pid);
    if (started === null || started > startTime) continue;
    if (started < startTime) oldest = [];
    oldest.push(pid);
    startTime = started;
  }
  const processes: ContainerProcess[] = [];
  for (const pid of oldest) {
    if (slices.isOver) await slices.next();
    const nspid = readNspid(libc, proc, pid);
    if (nspid !== null) processes.push({ pid, startTime, nspid });
  }
  return processes;
}
