import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Observation, StageMode } from './compatibility-row.ts';

const directory = join(import.meta.dirname, 'results');

/** What one run has seen of all operations. */
export interface RunResults {
  readonly libvirt: string;
  readonly qemu: string;
  /** E.g. `Debian GNU/Linux 12 (bookworm), cgroup v1 and v2`. */
  readonly system: string;
  readonly observations: Readonly<Record<string, Readonly<Partial<Record<StageMode, Observation>>>>>;
}

function pathIn(into: string, libvirt: string): string {
  return join(into, `libvirt-${libvirt}.json`);
}

function read(path: string): RunResults {
  return JSON.parse(readFileSync(path, 'utf8')) as RunResults;
}

/** What the manual, or another directory, says of a version of libvirt; undefined where it says nothing. */
export function readResults(libvirt: string, from = directory): RunResults | undefined {
  const path = pathIn(from, libvirt);
  return existsSync(path) ? read(path) : undefined;
}

/** All that the manual is made of, oldest libvirt first. */
export function listResults(): readonly RunResults[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => read(join(directory, name)))
    .sort((a, b) => a.libvirt.localeCompare(b.libvirt, 'en', { numeric: true }));
}

/**
 * Puts a run into a directory, over what there is: a run may be of some operations only.
 *
 * @throws Error where those that are there were seen elsewhere: one file speaks for one machine.
 */
export function writeResults(results: RunResults, into: string): void {
  const path = pathIn(into, results.libvirt);
  const before = existsSync(path) ? read(path) : { ...results, observations: {} };
  for (const key of ['qemu', 'system'] as const)
    if (before[key] !== results[key])
      throw new Error(
        `Cannot add what was seen with ${results[key]} to ${path}, which is of ${before[key]}; remove that file first`,
      );
  const observations = { ...before.observations };
  for (const [operation, modes] of Object.entries(results.observations))
    observations[operation] = { ...observations[operation], ...modes };
  writeFileSync(`${path}.new`, `${JSON.stringify({ ...results, observations }, undefined, 2)}\n`);
  renameSync(`${path}.new`, path);
}
