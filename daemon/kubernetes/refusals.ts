import { Refusal } from '../errors.ts';
import { quoteText } from '../quote-text.ts';
import type { PodVerdict } from './judge-pod.ts';
import type { PodView, WantedLabel } from './pod-view.ts';

/** What a refusal by Kubernetes is about. */
export interface RefusedPod {
  readonly uid: string;
  readonly containerId: string | null;
  readonly pod: PodView | undefined;
  readonly node: string;
  readonly label: WantedLabel | null;
}

/** Why the pod can't be used, by the word of Kubernetes. */
export function podRefusal(verdict: Exclude<PodVerdict, 'ok'>, refused: RefusedPod): Refusal {
  const { uid, containerId, pod, node, label } = refused;
  const options = { podUid: uid };
  const name = pod === undefined ? uid : `"${pod.namespace}/${pod.name}"`;
  switch (verdict) {
    case 'unknown':
      return new Refusal(
        'kubernetes-unknown-pod',
        `Cannot use the pod ${uid}: Kubernetes has none with this UID on node ${quoteText(node)}`,
        'start the VM in a pod that is bound to this node, check "kubernetes-node", or raise "kubernetes-wait"',
        options,
      );
    case 'ended':
      return new Refusal(
        'kubernetes-pod-ending',
        `Cannot use the pod ${name}: Kubernetes says that it has ended (${pod?.phase ?? 'Unknown'})`,
        "start the VM's pod anew",
        options,
      );
    case 'deleting':
      return new Refusal(
        'kubernetes-pod-ending',
        `Cannot use the pod ${name}: Kubernetes is deleting it`,
        "start the VM's pod anew",
        options,
      );
    case 'unlabelled':
      return new Refusal(
        'kubernetes-pod-label',
        `Cannot use the pod ${name}: it lacks the label "${label === null ? '' : `${label.key}=${label.value}`}"`,
        'give the label to pods that are for VMs, or change "kubernetes-pod-label"',
        options,
      );
    case 'foreign-container':
      return new Refusal(
        'kubernetes-container',
        `Cannot use the pod ${name}: Kubernetes has no container ${containerId ?? 'without an ID'} in it`,
        'start the VM again when the kubelet has reported the container, or raise "kubernetes-wait"',
        options,
      );
  }
}

/** Kubernetes could not be asked. */
export function kubernetesUnavailable(what: string, why: string, isRequired: boolean): Refusal {
  return new Refusal(
    'kubernetes-unavailable',
    `Cannot ask Kubernetes about ${what}: ${why}`,
    'mend the connection to the API server, then start the VM again' +
      (isRequired ? ', or set "kubernetes-required = no"' : ''),
  );
}
