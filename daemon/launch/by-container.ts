import type { KnownLauncher } from '../host/launcher-index.ts';

/** More than the kubelet lets run on a node: pods that claim a VM which is not theirs must not crowd its own out. */
const MAX_PODS = 256;
const MAX_CONTAINERS_PER_POD = 4;
const MAX_PROCESSES_PER_CONTAINER = 4;

/**
 * The order in which launchers of one VM are looked at. A pod may run any number of processes that look like launchers:
 * they must not hide another pod's. Nor must what is in no pod, which may come from any user in any number of cgroups: it
 * is last, and there to say why it is not taken, or where no pod is required.
 */
export function byContainer(launchers: readonly KnownLauncher[]): readonly (readonly number[])[] {
  const pods = new Map<string, Map<string, number[]>>();
  for (const { pid, place } of launchers.toSorted(compare)) {
    const containers = pods.get(place.pod) ?? new Map<string, number[]>();
    if (pods.size < MAX_PODS) pods.set(place.pod, containers);
    const known = containers.get(place.container) ?? [];
    if (known.length < MAX_PROCESSES_PER_CONTAINER) known.push(pid);
    if (containers.size < MAX_CONTAINERS_PER_POD) containers.set(place.container, known);
  }
  return [...pods.values()].flatMap((containers) => [...containers.values()]);
}

function compare(a: KnownLauncher, b: KnownLauncher): number {
  return Number(b.place.isInPod) - Number(a.place.isInPod) || a.pid - b.pid;
}
