import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCgroup } from './cgroups.ts';

const PERIOD_US = 100_000;
/** What an ordinary cgroup has, of version 2 and of version 1. */
const ORDINARY_WEIGHT = 100;
const ORDINARY_SHARES = 1024;

/**
 * The most CPU time that a cgroup takes, e.g. 0.5 of one core.
 *
 * @throws Error where no hierarchy that has the cgroup has the cpu controller
 */
export function limitCpuTime(cgroup: string, cores: number): void {
  const quota = Math.round(cores * PERIOD_US);
  write(cgroup, { 'cpu.cfs_quota_us': String(quota), 'cpu.max': `${quota} ${PERIOD_US}` });
}

/** How much a cgroup gets where others keep the node busy; 100 is ordinary, as `CPUWeight=` has it. */
export function weighCpuTime(cgroup: string, weight: number): void {
  const shares = Math.round((weight * ORDINARY_SHARES) / ORDINARY_WEIGHT);
  write(cgroup, { 'cpu.shares': String(shares), 'cpu.weight': String(weight) });
}

/** @param files of version 1 and of version 2, of which a hierarchy has one */
function write(cgroup: string, files: Readonly<Record<string, string>>): void {
  const found = findCgroup(cgroup).flatMap((directory) =>
    Object.entries(files).map(([name, value]) => [join(directory, name), value] as const),
  );
  const there = found.filter(([file]) => existsSync(file));
  if (there.length === 0)
    throw new Error(`Cannot share out the CPU time of "${cgroup}": it has no cpu controller; enable that`);
  for (const [file, value] of there) writeFileSync(file, value);
}
