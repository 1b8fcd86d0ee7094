import { fieldOf, textOf } from './pod-view.ts';

/** What Kubernetes says about a token. */
export type ReviewedToken =
  | { readonly pod: BoundPod; readonly fault: null }
  /** `fault`: why it does not count, for the node's log. */
  | { readonly pod: null; readonly fault: string };

/** The pod that a token was made for. */
export interface BoundPod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

const podUidKey = 'authentication.kubernetes.io/pod-uid';
const podNameKey = 'authentication.kubernetes.io/pod-name';
const accountForm = /^system:serviceaccount:([a-z0-9.-]+):[a-z0-9.-]+$/;

/** Judges the `status` of a TokenReview. */
export function judgeReview(status: unknown, audience: string): ReviewedToken {
  if (fieldOf(status, 'authenticated') !== true) {
    const error = textOf(status, 'error');
    return faulty(`Kubernetes does not accept it${error === null ? '' : `: ${error}`}`);
  }
  const audiences = fieldOf(status, 'audiences');
  // An API server that knows nothing of audiences returns none.
  if (!Array.isArray(audiences) || !audiences.includes(audience))
    return faulty(`it is not for the audience "${audience}" ("kubernetes-token-audience")`);
  const user = fieldOf(status, 'user');
  const [, namespace] = accountForm.exec(textOf(user, 'username') ?? '') ?? [];
  if (namespace === undefined) return faulty('it is none of a ServiceAccount');
  const uid = onlyText(user, podUidKey);
  const name = onlyText(user, podNameKey);
  if (uid === null || name === null) return faulty('it is not bound to a pod');
  return { pod: { uid, name, namespace }, fault: null };
}

/** Why the token of one pod does not count for another with its UID; `null` for the one it was made for. */
export function bindingFault(bound: BoundPod, pod: Omit<BoundPod, 'uid'>): string | null {
  if (bound.name !== pod.name || bound.namespace !== pod.namespace)
    return `it is bound to the pod "${bound.namespace}/${bound.name}"`;
  return null;
}

function onlyText(user: unknown, key: string): string | null {
  const values = fieldOf(fieldOf(user, 'extra'), key);
  if (!Array.isArray(values) || values.length !== 1) return null;
  const [value] = values as readonly unknown[];
  return typeof value === 'string' && value !== '' ? value : null;
}

function faulty(fault: string): ReviewedToken {
  return { pod: null, fault };
}
