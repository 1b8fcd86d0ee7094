import { isUnified, type CgroupHierarchy } from '../host/host-cgroups.ts';
import type { LaunchMode } from '../machines/machine.ts';

/**
 * Whether a launch moves a process from one cgroup to another, for which it needs the kernel's lock. Exec mode moves the
 * stub; in fork mode shim and QEMU are born where they belong, which only cgroup v2 lets them, from Linux 5.7 on: before, they go there
 * without having asked for the lock.
 */
export function movesProcess(
  mode: LaunchMode,
  hierarchies: readonly Pick<CgroupHierarchy, 'controllers'>[],
): boolean {
  return mode === 'exec' || !hierarchies.every(isUnified);
}
