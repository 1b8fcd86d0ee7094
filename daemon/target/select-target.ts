import type { LauncherProgram } from './launcher-command-line.ts';
import { namespaceKinds } from './target.ts';
import type { CgroupMembership, Namespaces, ProcessIdentity } from './target.ts';

/** A process whose command line matches the VM, with what tells its container from others. */
export interface TargetCandidate extends ProcessIdentity {
  readonly podUid: string | null;
  readonly containerId: string | null;
  readonly cgroups: readonly CgroupMembership[];
  readonly namespaces: Namespaces;
  readonly program: LauncherProgram;
  readonly noFork: boolean;
}

/**
 * Makes one target of the matching processes of each container: every KubeVirt release runs two of them. The
 * virt-launcher itself is preferred to its monitor and to its forked copy, then the older process.
 *
 * Where no container ID is known (a host without Kubernetes), processes with the same cgroups and namespaces belong
 * together.
 *
 * @returns one candidate a container, the oldest first; more than one means that the VM is ambiguous.
 */
export function selectTargets<Candidate extends TargetCandidate>(
  candidates: readonly Candidate[],
): readonly Candidate[] {
  const best = new Map<string, Candidate>();
  for (const candidate of candidates.toSorted(compare)) {
    const container = containerKey(candidate);
    if (!best.has(container)) best.set(container, candidate);
  }
  return [...best.values()].sort(compareAge);
}

function compare(a: TargetCandidate, b: TargetCandidate): number {
  return rank(a) - rank(b) || compareAge(a, b);
}

function compareAge(a: ProcessIdentity, b: ProcessIdentity): number {
  return a.startTime - b.startTime || a.pid - b.pid;
}

function rank(candidate: TargetCandidate): number {
  return isLauncherItself(candidate) ? 0 : 1;
}

/** Not its monitor, and not its forked copy. */
export function isLauncherItself({ program, noFork }: Pick<TargetCandidate, 'program' | 'noFork'>): boolean {
  return program === 'virt-launcher' && !noFork;
}

function containerKey({ podUid, containerId, cgroups, namespaces }: TargetCandidate): string {
  if (containerId !== null) return JSON.stringify([podUid, containerId]);
  const paths = cgroups.map(({ hierarchy, path }) => [hierarchy, path]);
  return JSON.stringify([podUid, null, paths, namespaceKinds.map((kind) => namespaces[kind] ?? null)]);
}
