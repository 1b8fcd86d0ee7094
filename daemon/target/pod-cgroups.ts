import { isAnywhere, locateContainer } from './locate-container.ts';
import type { CgroupMembership } from './target.ts';

/**
 * The cgroups that must be root's, with all above them, before a process is believed to be in the pod that they name. A
 * user's own cgroups (a systemd user manager has some) may have any name, that of another's pod, too; but they are below
 * one that was given to that user. The container's does not count: that of a pod in a user namespace is given to it.
 *
 * @param base see `cgroupIdentity`
 * @returns none where the base says where the pods are: then the names above are known
 */
export function podCgroups(
  memberships: readonly CgroupMembership[],
  base: string | null,
): readonly CgroupMembership[] {
  if (!isAnywhere(base)) return [];
  return memberships.flatMap(({ hierarchy, path }) => {
    const podPath = locateContainer(path, base)?.podPath ?? null;
    return podPath === null ? [] : [{ hierarchy, path: podPath }];
  });
}
