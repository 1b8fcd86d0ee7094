import fs from 'node:fs';
import path from 'node:path';

import { hasCode } from '../errors.ts';
import { isUnified, type CgroupHierarchy } from './host-cgroups.ts';
import { removeEmptyCgroup } from './remove-empty-cgroup.ts';

const PARENT = 'kubevirt-node-driver';
/** Younger cgroups may be those of a launch that is just being prepared, by a daemon with another run directory. */
const LEFTOVER_AGE_MS = 60_000;
const MAX_ATTEMPTS = 100;
/** As the daemon's unit has it: a shim needs little, and at once. Ten times the ordinary. */
const WEIGHTS = { 'cpu.weight': '1000', 'cpu.shares': '10240' } as const;

/**
 * The cgroups that shims live in: `/kubevirt-node-driver/<launch id>` in every hierarchy of the node, so that neither
 * the end of the daemon's container nor that of the pod takes a shim along.
 */
export class ShimCgroups {
  readonly #roots: readonly {
    readonly directory: string;
    readonly isUnified: boolean;
    readonly isCpuset: boolean;
    readonly weightFile: keyof typeof WEIGHTS | null;
  }[];

  /** @param hostRoot see `HostView.root` */
  constructor(hierarchies: readonly CgroupHierarchy[], hostRoot: string) {
    this.#roots = hierarchies.map(({ controllers, mountPoint }) => ({
      directory: hostRoot + mountPoint,
      isUnified: isUnified({ controllers }),
      isCpuset: controllers.includes('cpuset'),
      weightFile: weightFileOf(controllers),
    }));
  }

  /** Where the cgroups of one launch are, or will be. */
  directoriesOf(launchId: string): readonly string[] {
    return this.#roots.map(({ directory }) => `${directory}/${PARENT}/${launchId}`);
  }

  /** The one of v2, which a process can be born in; `null` where the node has v1 alone. */
  birthplaceOf(launchId: string): string | null {
    const root = this.#roots.find((each) => each.isUnified);
    return root === undefined ? null : `${root.directory}/${PARENT}/${launchId}`;
  }

  /** Makes the cgroups of one launch and returns their directories. */
  create(launchId: string): readonly string[] {
    return this.#roots.map(({ directory, isCpuset, weightFile }) => {
      const own = `${directory}/${PARENT}/${launchId}`;
      make(own, MAX_ATTEMPTS);
      if (weightFile !== null) giveWeight(`${directory}/${PARENT}/${weightFile}`, WEIGHTS[weightFile]);
      // The parent stays from here on.
      if (isCpuset) inheritCpuset(own);
      return own;
    });
  }

  /**
   * Removes what is empty of the cgroups of one launch, and their parent with the last one.
   *
   * @returns false when a process is still in one of them
   */
  remove(launchId: string): boolean {
    const removed = this.#roots.map(({ directory }) => {
      const isGone = removeEmptyCgroup(`${directory}/${PARENT}/${launchId}`);
      if (isGone) removeEmptyCgroup(`${directory}/${PARENT}`);
      return isGone;
    });
    return removed.every(Boolean);
  }

  /** The processes in the cgroups of one launch: its shim, or what is about to become its QEMU. */
  processes(launchId: string): readonly number[] {
    const pids = this.#roots.flatMap(({ directory }) => {
      try {
        const text = fs.readFileSync(`${directory}/${PARENT}/${launchId}/cgroup.procs`, 'latin1');
        return text
          .split('\n')
          .map(Number)
          .filter((pid) => pid > 0);
      } catch (error) {
        if (hasCode(error, 'ENOENT', 'ENODEV')) return [];
        throw error;
      }
    });
    return [...new Set(pids)];
  }

  /** Launches that have had a cgroup for a while, whatever daemon they were of. */
  listOld(): readonly string[] {
    return this.list().filter((launchId) =>
      this.#roots.every(({ directory }) => {
        const info = fs.statSync(`${directory}/${PARENT}/${launchId}`, { throwIfNoEntry: false });
        return info === undefined || Date.now() - info.ctimeMs > LEFTOVER_AGE_MS;
      }),
    );
  }

  /** Launches that have a cgroup. */
  list(): readonly string[] {
    const ids = this.#roots.flatMap(({ directory }) => {
      try {
        return fs
          .readdirSync(`${directory}/${PARENT}`, { withFileTypes: true })
          .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
      } catch (error) {
        if (hasCode(error, 'ENOENT')) return [];
        throw error;
      }
    });
    return [...new Set(ids)];
  }
}

function weightFileOf(controllers: readonly string[]): keyof typeof WEIGHTS | null {
  if (isUnified({ controllers })) return 'cpu.weight';
  return controllers.includes('cpu') ? 'cpu.shares' : null;
}

/** With its parent. A daemon with another run directory may remove that while it is empty: then anew. */
function make(directory: string, attempts: number): void {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o755 });
  } catch (error) {
    if (attempts === 1 || !hasCode(error, 'ENOENT', 'ENODEV')) throw error;
    make(directory, attempts - 1);
  }
}

/** As well as it can be had: VMs start without. Each time, since it is not there in a parent that an earlier release made. */
function giveWeight(file: string, weight: string): void {
  try {
    fs.writeFileSync(file, weight, { flag: 'r+' });
  } catch {
    // This hierarchy does not share out the processor, or nobody may say how.
  }
}

/** A new cpuset cgroup of v1 has no CPUs, and nobody may join it before it has some. */
function inheritCpuset(directory: string): void {
  if (!fs.existsSync(`${directory}/cgroup.clone_children`)) return; // v2 inherits by itself
  const parent = path.dirname(directory);
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const own = `${directory}/${file}`;
    if (fs.readFileSync(own, 'latin1').trim() !== '') continue;
    if (fs.readFileSync(`${parent}/${file}`, 'latin1').trim() === '') inheritCpuset(parent);
    // Ours, unlike the one that it is in: what is made in it from now on has them from the beginning.
    if (path.basename(parent) === PARENT) fs.writeFileSync(`${parent}/cgroup.clone_children`, '1');
    fs.writeFileSync(own, fs.readFileSync(`${parent}/${file}`, 'latin1'));
  }
}
