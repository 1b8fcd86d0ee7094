import fs from 'node:fs';

import { hasCode } from '../errors.ts';
import { hasEnded, parseStat } from '../target/parse-stat.ts';
import { parseStatus } from '../target/parse-status.ts';
import type { ContainerProcess } from '../target/select-container-init.ts';
import type { Libc } from './libc.ts';
import type { Slices } from './turns.ts';

/** Enough for any container; a pod must not be able to make this walk long. */
const MAX_PROCESSES = 4096;
const MAX_CGROUPS = 256;
/** Of so many that started at once, the first can be told. */
const MAX_OLDEST = 256;

function children(directory: string): readonly string[] {
  return fs
    .readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${directory}/${entry.name}`);
}

function pidsBelow(directory: string): readonly number[] {
  const pids: number[] = [];
  const directories = [directory];
  for (let visited = 0; visited < MAX_CGROUPS && pids.length < MAX_PROCESSES; visited++) {
    const next = directories.shift();
    if (next === undefined) break;
    try {
      const listed = fs.readFileSync(`${next}/cgroup.procs`, 'latin1').split('\n');
      pids.push(...listed.map(Number).filter((pid) => pid > 0));
      directories.push(...children(next));
    } catch (error) {
      // Gone, or a threaded cgroup, which a workload may make and which lists no processes.
      if (!hasCode(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP', 'ENOTSUP')) throw error;
    }
  }
  return pids.slice(0, MAX_PROCESSES);
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
 */
export async function oldestContainerProcesses(
  libc: Libc,
  proc: string,
  directory: string,
  slices: Slices,
): Promise<readonly ContainerProcess[]> {
  let oldest: number[] = [];
  let startTime = Number.POSITIVE_INFINITY;
  for (const pid of pidsBelow(directory)) {
    if (slices.isOver) await slices.next();
    const started = readStartTime(libc, proc, pid);
    if (started === null || started > startTime) continue;
    oldest = started === startTime ? [...oldest, pid] : [pid];
    startTime = started;
  }
  return oldest.slice(0, MAX_OLDEST).flatMap((pid) => {
    const nspid = readNspid(libc, proc, pid);
    return nspid === null ? [] : [{ pid, startTime, nspid }];
  });
}
