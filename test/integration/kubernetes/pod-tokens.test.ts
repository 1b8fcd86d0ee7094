import type { V1ClusterRole } from '@kubernetes/client-node';
import { expect } from 'chai';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { deployDirectory, parseManifests, type Plain } from '../../support/manifests.ts';
import { nameOf, startKubernetesRig, type KubernetesRig } from '../../support/kubernetes-rig.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { runSecretWatch } from '../../support/secret-watch/run-secret-watch.ts';
import { waitUntil } from '../../support/wait-until.ts';

const audience = 'kubevirt-node-driver';
const prefix = 'service-account-token:';

interface Issued {
  readonly audience: string;
  readonly podName: string;
  readonly podUid: string;
  readonly expiresAt: number;
  readonly user: object;
}

describe('a ServiceAccount token as secret', function () {
  this.timeout(120_000);
  let scratch: Scratch;
  let rig: KubernetesRig;
  let pod: Sandbox;
  /** What the API server knows of the tokens that it has issued. */
  const issued = new Map<string, Issued>();

  before(async () => {
    scratch = Scratch.open('test');
    rig = await startKubernetesRig(scratch, {
      'secret-forms': 'plain token',
      'audit-log': join(scratch.directory, 'audit.log'),
    });
    rig.api.reviewToken = (token, audiences) => {
      const known = issued.get(token);
      if (known === undefined) return { authenticated: false, error: 'invalid bearer token' };
      if (known.expiresAt <= Date.now()) return { authenticated: false, error: 'token has expired' };
      if (!audiences.includes(known.audience))
        return { authenticated: false, error: 'token audiences are not for this' };
      return { authenticated: true, audiences: [known.audience], user: known.user };
    };
  });
  after(() => scratch.close());
  beforeEach(async () => {
    // No file at all: the token alone is enough.
    pod = await rig.startPod({ secret: false });
    rig.announce(pod);
  });
  afterEach(async () => {
    rig.api.reviewStatus = 201;
    await pod.remove();
  });

  const issue = (target: Sandbox, changes: Partial<Issued> & { namespace?: string } = {}): string => {
    const expiresAt = changes.expiresAt ?? Date.now() + 600_000;
    const claims = {
      iss: 'https://kubernetes.default.svc',
      exp: Math.floor(expiresAt / 1000),
      jti: randomUUID(),
    };
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = `${part({ alg: 'RS256', kid: 'k' })}.${part(claims)}.${randomBytes(64).toString('base64url')}`;
    const { podName = nameOf(target), podUid = target.podUid, namespace = 'vms' } = changes;
    const user = changes.user ?? {
      username: `system:serviceaccount:${namespace}:default`,
      uid: randomUUID(),
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/pod-name': [podName],
        'authentication.kubernetes.io/pod-uid': [podUid],
        'authentication.kubernetes.io/node-name': ['node-1.example'],
      },
    };
    issued.set(token, { audience, podName, podUid, expiresAt, user, ...changes });
    runSecretWatch.note(token);
    return token;
  };
  const reviews = (): number => rig.api.count('create', 'tokenreviews');
  const lastDetail = (): unknown =>
    (
      JSON.parse(
        readFileSync(join(scratch.directory, 'audit.log'), 'utf8').trim().split('\n').at(-1) ?? '{}',
      ) as {
        detail?: unknown;
      }
    ).detail;

  it('starts a VM in the pod that it is bound to, which holds no secret', async () => {
    expect(await rig.launch(pod, prefix + issue(pod))).to.equal('0 ');
    const request = rig.api.requests.findLast(({ resource }) => resource === 'tokenreviews');
    expect((request?.body as { spec: object }).spec).to.deep.include({ audiences: [audience] });
  });

  it('is looked at once in a minute', async () => {
    const [before, token] = [reviews(), issue(pod)];
    for (let i = 0; i < 3; i++) expect(await rig.launch(pod, prefix + token)).to.equal('0 ');
    expect(reviews() - before).to.equal(1);
    expect(await rig.metric('kubernetes_token_reviews_total{result="cached"}')).to.be.at.least(2);
    // Another one is not taken for it.
    expect(await rig.launch(pod, prefix + issue(pod))).to.equal('0 ');
    expect(reviews() - before).to.equal(2);
  });

  it('does not count any longer than it does by itself', async () => {
    const token = issue(pod, { expiresAt: Date.now() + 3000 });
    expect(await rig.launch(pod, prefix + token)).to.equal('0 ');
    await waitUntil(
      'it has expired',
      async () => ((await rig.launch(pod, prefix + token)).startsWith('125 ') ? true : undefined),
      10_000,
      500,
    );
    expect(lastDetail()).to.equal('Kubernetes does not accept it: token has expired');
  });

  const refused: readonly (readonly [string, (target: Sandbox) => string, RegExp])[] = [
    [
      'of another pod',
      (target) => issue(target, { podUid: randomUUID() }),
      /^it is bound to the pod with the UID /,
    ],
    [
      'with the name of another pod',
      (target) => issue(target, { podName: 'other' }),
      /^it is bound to the pod "vms\/other"$/,
    ],
    [
      'of another namespace',
      (target) => issue(target, { namespace: 'other' }),
      /^it is bound to the pod "other\//,
    ],
    [
      'for another audience',
      (target) => issue(target, { audience: 'https://kubernetes.default.svc' }),
      /audiences are not for this/,
    ],
    ['that has expired', (target) => issue(target, { expiresAt: Date.now() - 1000 }), /token has expired/],
    ['that Kubernetes does not know', () => 'eyJhbGciOiJub25lIn0.eyJleHAiOjF9.c2ln', /invalid bearer token/],
    [
      'that is bound to no pod',
      (target) => issue(target, { user: { username: 'system:serviceaccount:vms:default' } }),
      /not bound to a pod/,
    ],
    ['of a user', (target) => issue(target, { user: { username: 'admin' } }), /none of a ServiceAccount/],
  ];
  for (const [title, make, detail] of refused)
    it(`is refused where it is one ${title}, with the same line`, async () => {
      expect(await rig.launch(pod, prefix + make(pod))).to.match(
        /^125 qemu-kube: Cannot accept the token of the domain: Kubernetes does not accept it, or not for this pod; set /,
      );
      expect(lastDetail()).to.match(detail);
      expect(pod.processes).to.deep.equal([pod.pid]);
    });

  it('is not sent to Kubernetes where it can be none', async () => {
    const before = reviews();
    for (const text of ['', 'x', 'eyJ.a.b', `eyJhIjox.${'a'.repeat(20_000)}.b`])
      expect(await rig.launch(pod, prefix + text)).to.match(/^125 /);
    // Without the prefix, it is a plain secret.
    expect(await rig.launch(pod, issue(pod))).to.match(/^125 /);
    expect(reviews()).to.equal(before);
  });

  it('is refused while Kubernetes cannot be asked, also where it need not be there for others', async () => {
    rig.api.reviewStatus = 503;
    const token = issue(pod);
    expect(await rig.launch(pod, prefix + token)).to.match(
      /^125 qemu-kube: Cannot ask Kubernetes about the token of the domain: the API server answered with status 503; /,
    );
    rig.api.reviewStatus = 201;
    expect(await rig.launch(pod, prefix + token)).to.equal('0 ');
  });

  it('opens, of two pods of one VM, the one that it is bound to', async () => {
    const other = await rig.startPod({ secret: false, vmUuid: pod.vmUuid, vmName: pod.vmName });
    try {
      rig.api.put({ uid: other.podUid, name: 'the-other', containers: [other.containerId] });
      const token = issue(other, { podName: 'the-other' });
      expect(await rig.launch(pod, prefix + token)).to.equal('0 ');
      const audit = readFileSync(join(scratch.directory, 'audit.log'), 'utf8').trim().split('\n').at(-1);
      expect(audit).to.include(other.podUid);
    } finally {
      await other.remove();
    }
  });

  it('tells the owner of the pod when it does not count', async () => {
    const token = issue(pod, { podName: 'other' });
    expect(await rig.launch(pod, prefix + token)).to.match(/^125 /);
    await waitUntil('the event is there', () => rig.eventsOf(pod).length === 1, 5000);
    const text = JSON.stringify(rig.eventsOf(pod));
    expect(text)
      .to.match(/\(secret-mismatch\)/)
      .and.to.not.include(token);
  });

  it('takes the rights that the manifests give, all of them and no others', async () => {
    for (let i = 0; i < 2; i++) expect(await rig.launch(pod, prefix + issue(pod))).to.equal('0 ');
    await waitUntil('the event is counted', () => rig.eventsOf(pod)[0]?.['count'] === 2, 5000);
    const text = readFileSync(join(deployDirectory, 'components/kubernetes-verify/rbac.yaml'), 'utf8');
    const role = parseManifests(text).find(({ kind }) => kind === 'ClusterRole') as Plain<V1ClusterRole>;
    const given = (role.rules ?? []).flatMap(({ verbs, resources = [] }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
    );
    const used = new Set(rig.api.requests.map(({ verb, resource }) => `${verb} ${resource}`));
    expect([...used].sort()).to.deep.equal(given.sort());
  });

  it('does not count where the form is not accepted', async () => {
    await rig.restart({ 'secret-forms': 'plain' });
    const before = reviews();
    expect(await rig.launch(pod, prefix + issue(pod))).to.match(/^125 /);
    expect(reviews()).to.equal(before);
  });
});
