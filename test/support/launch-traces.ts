import { readFileSync, readlinkSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findCgroup, listCgroupTree } from './cgroups.ts';
import type { LibvirtHost } from './libvirt-host.ts';
import type { NodeDriver } from './node-driver.ts';
import { listDescendants } from './processes.ts';
import type { Sandbox } from './sandbox.ts';
import type { Snapshot } from './snapshot.ts';
import { takeSnapshot } from './snapshot.ts';

export interface LaunchTracesScope {
  readonly driver: NodeDriver;
  readonly libvirt: LibvirtHost;
  readonly pods: readonly Sandbox[];
  /** Further texts that tell our things from all others, see `takeSnapshot`. */
  readonly markers: readonly string[];
}

/** All that a launch may leave behind, one line each, to be compared with an earlier list by `listNew`. */
export function listLaunchTraces({ driver, libvirt, pods, markers }: LaunchTracesScope): Snapshot {
  const snapshot = takeSnapshot({
    markers: [...markers, ...pods.map(({ podUid }) => podUid)],
    directories: [driver.runDirectory, join(libvirt.directory, 'lib'), join(libvirt.directory, 'run')],
  });
  const children = listDescendants(driver.process).map(({ pid }) => `child of the daemon ${pid}`);
  const inPods = pods.flatMap((pod) => pod.processes.map((pid) => `process in a pod ${pid}`));
  const mounts = [libvirt.libvirtd, ...pods.map(({ init }) => init)].flatMap(({ pid }) => listMounts(pid));
  // Other tests on this machine may have theirs: the daemon's log names the launches that are ours.
  const { log } = driver;
  const cgroups = findCgroup('/kubevirt-node-driver')
    .flatMap((root) => listCgroupTree(root).filter((path) => path !== root))
    .filter((path) => log.includes(basename(path)))
    .map((path) => `cgroup ${path}`);
  return new Set([...snapshot, ...children, ...inPods, ...mounts, ...cgroups]);
}

/** How many pidfds a process holds. */
export function countPidfds(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => readLink(`/proc/${pid}/fd/${fd}`).includes('[pidfd]'))
    .length;
}

function listMounts(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => `mount seen by process ${pid}: ${line}`);
  } catch {
    return [];
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}
