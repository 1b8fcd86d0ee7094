import { locateContainer } from './locate-container.ts';

/**
 * The cgroup of the container itself, above whatever cgroups its workload made: where the container's processes, its
 * init among them, are looked for.
 *
 * @param path a path of `/proc/PID/cgroup`.
 * @param base see `cgroupIdentity`.
 * @returns `null` when the path names no container, or a pod whose container has an unknown form.
 */
export function containerCgroupPath(path: string, base: string | null): string | null {
  return locateContainer(path, base)?.containerPath ?? null;
}
