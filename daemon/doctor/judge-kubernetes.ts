import { newFinding, type Finding } from './finding.ts';

export interface KubernetesEvidence {
  readonly isAvailable: boolean;
  readonly whyUnavailable: string;
  /** `kubernetes-required` */
  readonly isRequired: boolean;
}

/** @param evidence null: `kubernetes = off` */
export function judgeKubernetes(evidence: KubernetesEvidence | null): readonly Finding[] {
  if (evidence === null) return [newFinding('skipped', 'Kubernetes is not asked: kubernetes = off')];
  const { isAvailable, whyUnavailable, isRequired } = evidence;
  if (isAvailable) return [newFinding('ok', 'the pods of the node are known')];
  return [
    newFinding(
      isRequired ? 'failure' : 'warning',
      `${whyUnavailable}: ${isRequired ? 'no VM starts until it is' : 'VMs start without a second opinion'}`,
      { remedy: 'see the log of the daemon for what the API server answered (docs/kubernetes.md)' },
    ),
  ];
}
