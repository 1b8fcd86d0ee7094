import { locateContainer } from './locate-container.ts';
import { parseCgroup } from './parse-cgroup.ts';
import type { CgroupMembership } from './target.ts';

/** Whose process it is, by its cgroups. */
export interface CgroupIdentity {
  /** Kubernetes pod UID in the form of the API; `null` when no line carries a pod. */
  readonly podUid: string | null;
  /** 64 hexadecimal digits; `null` when there is no container or its form is unknown. */
  readonly containerId: string | null;
}

/**
 * Why the text of `/proc/PID/cgroup` identifies nobody: no kernel wrote it, a cgroup of the process is gone, or its
 * lines name different pods or containers.
 */
export type CgroupRejection = 'malformed' | 'deleted' | 'conflict';

/**
 * Tells pod and container from the text of `/proc/PID/cgroup`, the one source that the workload can't forge.
 *
 * Lines without a pod are ignored when another line has one: on a hybrid host the v2 line often names the runtime's own
 * service. Between the lines that count, any difference is a conflict, a missing container included.
 *
 * @param base the cgroup that holds the node's pods; `null` or `/` when they may be anywhere. With a deeper base, a
 *   line whose path is not below it carries neither pod nor container.
 */
export function cgroupIdentity(
  text: string,
  base: string | null,
): CgroupIdentity | { readonly reject: CgroupRejection } {
  const memberships = parseCgroup(text);
  if (memberships === null) return { reject: 'malformed' };
  return membershipsIdentity(memberships, base);
}

/** {@link cgroupIdentity} of lines that are already parsed. */
export function membershipsIdentity(
  memberships: readonly CgroupMembership[],
  base: string | null,
): CgroupIdentity | { readonly reject: CgroupRejection } {
  if (memberships.some(({ path }) => path.endsWith(' (deleted)'))) return { reject: 'deleted' };

  const located = memberships.flatMap(({ path }) => locateContainer(path, base) ?? []);
  const withPod = located.filter(({ podUid }) => podUid !== null);
  const counting = withPod.length > 0 ? withPod : located.filter(({ containerId }) => containerId !== null);

  const [first, ...others] = counting;
  if (first === undefined) return { podUid: null, containerId: null };
  if (others.some((other) => other.podUid !== first.podUid || other.containerId !== first.containerId)) {
    return { reject: 'conflict' };
  }
  return { podUid: first.podUid, containerId: first.containerId };
}
