import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '../../../daemon/api/api-client.ts';
import { nameOf, startKubernetesRig, type KubernetesRig } from '../../support/kubernetes-rig.ts';
import type { Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { createWatchedApiClient } from '../../support/secret-watch/watched-api-client.ts';
import { withoutLaunchId } from '../../support/start-bench.ts';
import { waitUntil } from '../../support/wait-until.ts';

describe('the second opinion of Kubernetes', function () {
  this.timeout(120_000);
  let scratch: Scratch;
  let rig: KubernetesRig;
  let pod: Sandbox;
  let auditFile: string;

  before(async () => {
    scratch = Scratch.open('test');
    auditFile = join(scratch.directory, 'audit.log');
    rig = await startKubernetesRig(scratch, { 'audit-log': auditFile });
  });
  after(() => scratch.close());
  beforeEach(async () => {
    pod = await rig.startPod();
  });
  afterEach(() => pod.remove());

  const audited = (): readonly { check: string; verdict: string }[] => {
    const lines = readFileSync(auditFile, 'utf8').trim().split('\n');
    return (
      lines
        .map((line) => JSON.parse(line) as { event: string; checks: { check: string; verdict: string }[] })
        .filter(({ event }) => event === 'launch')
        .at(-1)?.checks ?? []
    );
  };
  const asked = (): string | undefined => audited().find(({ check }) => check === 'kubernetes')?.verdict;
  const synced = (): Promise<boolean> =>
    waitUntil(
      'the daemon knows the pods',
      async () => ((await rig.metric('kubernetes_informer_state{state="synced"}')) === 1 ? true : undefined),
      15_000,
    );

  it('lets a VM into a pod that Kubernetes has on this node', async () => {
    rig.announce(pod);
    expect(await rig.launch(pod)).to.equal('0 ');
    expect(asked()).to.equal('ok');
    expect(await rig.metric('kubernetes_verdicts_total{verdict="ok"}')).to.be.at.least(1);
  });

  const refusals: readonly {
    readonly title: string;
    readonly changes: (pod: Sandbox) => object | null;
    readonly verdict: string;
    readonly code: string;
    readonly line: RegExp;
  }[] = [
    {
      title: 'a pod that Kubernetes does not know',
      changes: () => null,
      verdict: 'unknown',
      code: 'kubernetes-unknown-pod',
      line: /^125 qemu-kube: Cannot use the pod \S+: Kubernetes has none with this UID on node "node-1\.example"; start /,
    },
    {
      title: 'a pod of another node',
      changes: () => ({ node: 'another' }),
      verdict: 'unknown',
      code: 'kubernetes-unknown-pod',
      line: /Kubernetes has none with this UID/,
    },
    {
      title: 'a pod that is being deleted',
      changes: () => ({ deleting: true }),
      verdict: 'deleting',
      code: 'kubernetes-pod-ending',
      line: /^125 qemu-kube: Cannot use the pod "vms\/virt-launcher-\S+": Kubernetes is deleting it; start the VM's pod anew$/,
    },
    {
      title: 'a pod that has finished',
      changes: () => ({ phase: 'Failed' }),
      verdict: 'ended',
      code: 'kubernetes-pod-ending',
      line: /Kubernetes says that it has ended \(Failed\); start the VM's pod anew$/,
    },
    {
      title: 'a pod without the label',
      changes: () => ({ labels: { 'kubevirt.io': 'virt-handler' } }),
      verdict: 'unlabelled',
      code: 'kubernetes-pod-label',
      line: /: it lacks the label "kubevirt\.io=virt-launcher"; give the label .* or change "kubernetes-pod-label"$/,
    },
    {
      title: 'a container that is none of its pod',
      changes: () => ({ containers: ['f'.repeat(64)], initContainers: [''] }),
      verdict: 'foreign-container',
      code: 'kubernetes-container',
      line: /: Kubernetes has no container [0-9a-f]{64} in it; start the VM again when /,
    },
  ];
  for (const { title, changes, verdict, code, line } of refusals)
    it(`refuses ${title}`, async () => {
      const [counted, reason] = [
        `kubernetes_verdicts_total{verdict="${verdict}"}`,
        `launches_total{result="refused",reason="${code}"}`,
      ];
      const before = [await rig.metric(counted), await rig.metric(reason)];
      const other = changes(pod);
      if (other !== null) rig.announce(pod, other);
      expect(withoutLaunchId(await rig.launch(pod))).to.match(line);
      expect(audited().at(-1)).to.deep.equal({ check: 'kubernetes', verdict: 'refused' });
      const after = [await rig.metric(counted), await rig.metric(reason)];
      expect(after.map((value, index) => value - (before[index] ?? 0))).to.deep.equal([1, 1]);
      expect(pod.processes).to.deep.equal([pod.pid]);
    });

  it('waits for a pod that Kubernetes tells of a moment later', async () => {
    const launch = rig.launch(pod);
    await sleep(300);
    rig.announce(pod, { containers: [] });
    await sleep(200);
    rig.announce(pod);
    expect(await launch).to.equal('0 ');
  });

  it('is asked by the API too', async () => {
    const client = createWatchedApiClient({ socketPath: rig.driver.apiSocket });
    const codeOf = (call: Promise<unknown>): Promise<string | undefined> =>
      call.then(
        () => 'ok',
        (error: unknown) => (error instanceof ApiError ? error.refusalCode : String(error)),
      );
    const answers = (code: string): Promise<true> =>
      waitUntil(
        `the answer is ${code}`,
        async () => ((await codeOf(client.resolveTarget(vm))) === code ? true : undefined),
        5000,
      );
    const vm = { uuid: pod.vmUuid };
    try {
      rig.announce(pod, { deleting: true });
      await answers('kubernetes-pod-ending');
      expect(await codeOf(client.validateSecret(vm, pod.secret ?? ''))).to.equal('kubernetes-pod-ending');
      rig.announce(pod);
      await answers('ok');
      expect(await codeOf(client.validateSecret(vm, pod.secret ?? ''))).to.equal('ok');
    } finally {
      client.close();
    }
  });

  it('may be missing: a launch goes on while the API is away, and says so', async () => {
    rig.announce(pod);
    await synced();
    await rig.api.stop();
    await waitUntil(
      'the daemon has noticed',
      async () =>
        (await rig.metric('kubernetes_informer_state{state="degraded"}')) === 1 ? true : undefined,
      5000,
    );
    const begin = performance.now();
    expect(await rig.launch(pod)).to.equal('0 ');
    expect(performance.now() - begin).to.be.lessThan(900);
    expect(asked()).to.equal('unavailable');
    expect((await fetch(`http://127.0.0.1:${rig.driver.httpPort}/healthz`)).status).to.equal(200);
    expect((await fetch(`http://127.0.0.1:${rig.driver.httpPort}/readyz`)).status).to.equal(200);
    await rig.api.start();
    await synced();
    expect(await rig.launch(pod)).to.equal('0 ');
    expect(asked()).to.equal('ok');
  });

  it('is missing from the start: the daemon serves all the same', async () => {
    await rig.api.stop();
    await rig.restart();
    expect(await rig.metric('kubernetes_informer_state{state="starting"}')).to.equal(1);
    expect(await rig.launch(pod)).to.equal('0 ');
    expect(asked()).to.equal('unavailable');
    await rig.api.start();
    rig.announce(pod);
    await synced();
    expect(await rig.launch(pod)).to.equal('0 ');
    expect(asked()).to.equal('ok');
  });

  it('must be there where it is required', async () => {
    rig.announce(pod);
    await rig.restart({ 'kubernetes-required': 'yes' });
    expect(await rig.launch(pod)).to.equal('0 ');
    await rig.api.stop();
    await waitUntil(
      'the daemon refuses',
      async () => (await rig.launch(pod)).includes('kubernetes-required = no'),
      10_000,
    );
    expect(await rig.launch(pod)).to.match(
      /^125 qemu-kube: Cannot ask Kubernetes about the pod \S+: the watch of the pods of the node is broken; mend /,
    );
    expect(audited().at(-1)).to.deep.equal({ check: 'kubernetes', verdict: 'refused' });
    expect((await fetch(`http://127.0.0.1:${rig.driver.httpPort}/healthz`)).status).to.equal(200);
    await rig.api.start();
    await synced();
    expect(await rig.launch(pod)).to.equal('0 ');
    await rig.restart();
  });

  it('asks for no label where none is wanted', async () => {
    rig.announce(pod, { labels: {} });
    await rig.restart({ 'kubernetes-pod-label': '' });
    expect(await rig.launch(pod)).to.equal('0 ');
    await rig.restart();
  });

  it('tells the owner of the pod by events, counted and without a secret', async () => {
    rig.announce(pod);
    for (let i = 0; i < 3; i++) expect(await rig.launch(pod)).to.equal('0 ');
    const wrong = `wrong-${randomUUID()}`;
    for (let i = 0; i < 2; i++) expect(await rig.launch(pod, wrong)).to.match(/^125 /);
    const told = (): readonly unknown[] =>
      rig.eventsOf(pod).map(({ type, reason, count }) => [type, reason, count]);
    await waitUntil('the events are there', () => told().length === 2 && told().join().includes('3'), 5000);
    await waitUntil('the second refusal is counted', () => told().join().endsWith(',2'), 5000);
    expect(told()).to.deep.equal([
      ['Normal', 'VirtualMachineStarted', 3],
      ['Warning', 'VirtualMachineRefused', 2],
    ]);
    const [started, refused] = rig.eventsOf(pod);
    expect(started).to.deep.include({
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'vms', name: nameOf(pod), uid: pod.podUid },
      source: { component: 'kubevirt-node-driver', host: 'node-1.example' },
      message: `QEMU of VM "${pod.vmUuid}" ("${pod.vmName}") runs in this pod`,
    });
    expect(refused?.['message']).to.match(/^Cannot accept the secret of the domain: .* \(secret-mismatch\)$/);
    const all = JSON.stringify(rig.api.requests.filter(({ resource }) => resource === 'events'));
    for (const secret of [wrong, pod.secret ?? '?']) expect(all).to.not.include(secret);
    expect(await rig.metric('kubernetes_events_total{result="sent"}')).to.be.at.least(5);
  });

  it('tells of what Kubernetes itself refuses, too', async () => {
    rig.announce(pod, { deleting: true });
    expect(await rig.launch(pod)).to.match(/^125 /);
    await waitUntil('the event is there', () => rig.eventsOf(pod).length === 1, 5000);
    expect(rig.eventsOf(pod)[0]?.['message']).to.match(
      /Kubernetes is deleting it; .* \(kubernetes-pod-ending\)$/,
    );
  });

  it('never keeps a launch waiting for an event, nor fails it', async () => {
    rig.announce(pod);
    await synced();
    rig.api.eventStatus = 500;
    const failed = await rig.metric('kubernetes_events_total{result="failed"}');
    expect(await rig.launch(pod)).to.equal('0 ');
    await waitUntil(
      'it is counted',
      async () =>
        (await rig.metric('kubernetes_events_total{result="failed"}')) > failed ? true : undefined,
      5000,
    );
    rig.api.eventStatus = 201;
    rig.api.isStuck = true;
    const begin = performance.now();
    expect(await rig.launch(pod)).to.equal('0 ');
    expect(await rig.launch(pod, 'wrong')).to.match(/^125 /);
    expect(performance.now() - begin).to.be.lessThan(4000);
    rig.api.isStuck = false;
  });

  it('asks for pods, events and nothing else', () => {
    const asks = new Set(rig.api.requests.map(({ verb, resource }) => `${verb} ${resource}`));
    expect([...asks].sort()).to.deep.equal(['create events', 'list pods', 'patch events', 'watch pods']);
  });
});

describe('the second opinion of Kubernetes in exec mode', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let rig: KubernetesRig;

  before(async () => {
    scratch = Scratch.open('test');
    rig = await startKubernetesRig(scratch, {}, 'exec');
  });
  after(() => scratch.close());

  it('lets a VM into the pod, and refuses it once the pod is being deleted', async () => {
    const pod = await rig.startPod();
    rig.announce(pod);
    expect(await rig.launch(pod)).to.equal('0 ');
    rig.announce(pod, { deleting: true });
    await waitUntil(
      'the daemon refuses',
      async () => ((await rig.launch(pod)).includes('Kubernetes is deleting it') ? true : undefined),
      5000,
    );
  });
});
