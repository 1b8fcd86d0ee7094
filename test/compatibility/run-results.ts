import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
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

function pathOf(libvirt: string): string {
  return join(directory, `libvirt-${libvirt}.json`);
}

function read(path: string): RunResults {
  return JSON.parse(readFileSync(path, 'utf8')) as RunResults;
}

/** What the manual says of a version of libvirt; undefined where it says nothing. */
export function readResults(libvirt: string): RunResults | undefined {
  return existsSync(pathOf(libvirt)) ? read(pathOf(libvirt)) : undefined;
}

/** All that the manual is made of, oldest libvirt first. */
export function listResults(): readonly RunResults[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => read(join(directory, name)))
    .sort((a, b) => a.libvirt.localeCompare(b.libvirt, 'en', { numeric: true }));
}

/** Puts a run into a directory: all of it, or over what there is where only some operations were tried. */
export function writeResults(results: RunResults, into: string): void {
  const path = join(into, `libvirt-${results.libvirt}.json`);
  const before = existsSync(path) ? read(path).observations : {};
  const all = { ...results, observations: { ...before, ...results.observations } };
  writeFileSync(path, `${JSON.stringify(all, undefined, 2)}\n`);
}
