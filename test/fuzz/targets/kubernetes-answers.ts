import { judgePod } from '../../../daemon/kubernetes/judge-pod.ts';
import { bindingFault, judgeReview } from '../../../daemon/kubernetes/judge-review.ts';
import { viewPod, type PodView } from '../../../daemon/kubernetes/pod-view.ts';
import { podRefusal } from '../../../daemon/kubernetes/refusals.ts';
import { tokenExpiry } from '../../../daemon/kubernetes/token-expiry.ts';
import { attempt, plantedSecret } from '../attempt.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

const id = 'ab12'.repeat(16);
const uid = 'c1f8e7a0-8f2c-4c3e-9d3f-0a1b2c3d4e5f';
const audience = 'node-driver';
const label = { key: 'kubevirt.io', value: 'virt-launcher' };
const node = 'node-1';

const metadata = { uid, namespace: 'vms', name: 'virt-launcher-a', labels: { [label.key]: label.value } };
const running = {
  metadata,
  spec: { containers: [{ env: [{ name: 'KUBEVIRT_IO_SECRET', value: plantedSecret }] }] },
  status: { phase: 'Running', containerStatuses: [{ containerID: `containerd://${id}` }] },
};
const user = {
  username: 'system:serviceaccount:vms:default',
  extra: {
    'authentication.kubernetes.io/pod-name': [metadata.name],
    'authentication.kubernetes.io/pod-uid': [uid],
  },
};
const accepted = { authenticated: true, audiences: [audience], user };

/** What an API server may answer, as JSON: a pod of a list or a watch, the status of a review, the claims of a token. */
export const kubernetesAnswers: FuzzTarget = {
  name: 'kubernetes-answers',
  files: [
    'kubernetes/pod-view.ts',
    'kubernetes/judge-pod.ts',
    'kubernetes/judge-review.ts',
    'kubernetes/token-expiry.ts',
  ],
  seeds: [
    running,
    { ...running, metadata: { ...metadata, labels: { [label.key]: 'other' } } },
    { ...running, metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } },
    { ...running, metadata: { ...metadata, name: 'two\nlines' }, status: { phase: 'Failed' } },
    { metadata, status: { phase: 'Succeeded', initContainerStatuses: [{ containerID: '' }, null] } },
    { metadata, status: { ephemeralContainerStatuses: [{ containerID: `cri-o://${id}` }, {}] } },
    { metadata: { ...metadata, labels: { ['__proto__']: label } } },
    accepted,
    { ...accepted, audiences: ['other'] },
    { ...accepted, user: { ...user, username: 'system:node:a' } },
    { ...accepted, user: { ...user, extra: {} } },
    { authenticated: false, error: 'token has expired' },
    { exp: 1_900_000_000, sub: 'a' },
    { exp: 1e300 },
    [],
    null,
  ].map((answer) => JSON.stringify(answer)),
  run: (input) => {
    const claims = input.toString('base64url');
    checkExpiry(tokenExpiry(`e30.${claims}.c2ln`));
    checkExpiry(tokenExpiry(input.toString('latin1')));
    const answer = parse(input.toString('utf8'));
    checkPod(answer);
    checkReview(answer);
  },
};

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function checkExpiry(time: number | null): void {
  expectThat(time === null || !Number.isNaN(new Date(time).getTime()), 'a token ends at a time');
}

function checkPod(answer: unknown): void {
  const pod = viewPod(answer, label.key);
  tell('unknown', undefined);
  if (pod === null) return;
  expectThat(viewPod(answer, null)?.label === null, 'a label that is not asked for is not kept');
  expectThat(
    JSON.stringify(viewPod(anew(pod), label.key)) === JSON.stringify(pod),
    'a pod reads the same when it is written anew',
  );
  for (const wanted of [null, label])
    for (const containerId of [null, id]) {
      const verdict = judgePod(pod, containerId, wanted);
      if (verdict !== 'ok') {
        tell(verdict, pod);
        continue;
      }
      const isOwn = containerId !== null && JSON.stringify(answer).includes(containerId);
      expectThat(isOwn && !pod.isDeleting, 'only a container of a pod that lives is one of it');
      expectThat(wanted === null || pod.label === wanted.value, 'what lacks the label is not used');
    }
}

function tell(verdict: Parameters<typeof podRefusal>[0], pod: PodView | undefined): void {
  const refused = attempt(() => {
    throw podRefusal(verdict, { uid, containerId: id, pod, node, label });
  });
  expectThat('code' in refused && refused.code.startsWith('kubernetes-'), 'a refusal is by Kubernetes');
}

/** A pod that is seen so. */
function anew(pod: PodView): unknown {
  const { uid, namespace, name, phase, isDeleting, containerIds } = pod;
  const labels = { [label.key]: pod.label };
  return {
    metadata: { uid, namespace, name, labels, ...(isDeleting && { deletionTimestamp: 'then' }) },
    status: { phase, containerStatuses: containerIds.map((each) => ({ containerID: `any://${each}` })) },
  };
}

function checkReview(answer: unknown): void {
  const { pod, fault } = judgeReview(answer, audience);
  if (pod === null) {
    expectThat(fault !== '', 'what does not count has a reason');
    return;
  }
  expectThat(pod.uid !== '' && pod.name !== '', 'a token that counts is bound to a pod');
  expectThat(/^[a-z0-9.-]+$/.test(pod.namespace), 'its namespace is that of an account');
  expectThat(bindingFault(pod, pod) === null, 'it counts for its own pod');
  expectThat(
    bindingFault(pod, { name: `${pod.name}x`, namespace: pod.namespace }) !== null,
    'and for no other',
  );
}
