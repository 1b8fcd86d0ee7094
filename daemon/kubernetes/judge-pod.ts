import type { PodView, WantedLabel } from './pod-view.ts';

/**
 * What Kubernetes says about the pod that the cgroups of a process name. `ended`: its phase is final. `unlabelled`: it
 * lacks the wanted label. `foreign-container`: the container is none of its own.
 */
export type PodVerdict = 'ok' | 'unknown' | 'ended' | 'deleting' | 'unlabelled' | 'foreign-container';

/** What the kubelet or the watch may tell a moment later. */
export const passingVerdicts: ReadonlySet<PodVerdict> = new Set(['unknown', 'foreign-container']);

/** What does not become untrue any more, however old it is. */
export const lastingVerdicts: ReadonlySet<PodVerdict> = new Set(['ended', 'deleting']);

export function judgePod(
  pod: PodView | undefined,
  containerId: string | null,
  label: WantedLabel | null,
): PodVerdict {
  if (pod === undefined) return 'unknown';
  if (pod.phase === 'Succeeded' || pod.phase === 'Failed') return 'ended';
  if (pod.isDeleting) return 'deleting';
  if (label !== null && pod.label !== label.value) return 'unlabelled';
  return containerId !== null && pod.containerIds.includes(containerId) ? 'ok' : 'foreign-container';
}
