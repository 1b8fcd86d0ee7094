import fs from 'node:fs';

import { hasCode } from '../errors.ts';
import { parseStat } from '../target/parse-stat.ts';
import { parseStatus } from '../target/parse-status.ts';
import type { ContainerProcess } from '../target/select-container-init.ts';

/** Enough for any container; a pod must not be able to make this walk long. */
const MAX_PROCESSES = 4096;
const MAX_CGROUPS = 256;

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

/**
 * The processes in a container's cgroup and in those that its workload made below.
 *
 * @param proc the node's procfs
 * @param directory the container's cgroup in one hierarchy
 */
export function containerProcesses(proc: string, directory: string): readonly ContainerProcess[] {
  return pidsBelow(directory).flatMap((pid) => {
    try {
      const stat = parseStat(fs.readFileSync(`${proc}/${pid}/stat`, 'latin1'));
      const status = parseStatus(fs.readFileSync(`${proc}/${pid}/status`, 'latin1'));
      if (stat === null || status === null || stat.state === 'Z' || stat.state === 'X') return [];
      return [{ pid, startTime: stat.startTime, nspid: status.nspid }];
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ESRCH')) return [];
      throw error;
    }
  });
}
