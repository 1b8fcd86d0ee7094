import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubernetesClient, type EventBody } from '../../../daemon/kubernetes/kubernetes-client.ts';
import { ApiError } from '../../../daemon/kubernetes/pod-source.ts';
import {
  makeFakeCertificate,
  startFakeKubernetes,
  type FakeCertificate,
  type FakeKubernetes,
} from '../../support/fake-kubernetes.ts';
import { fakeNode } from '../../support/fake-pod.ts';
import { waitUntil } from '../../support/wait-until.ts';

const forever = new AbortController().signal;
const listAll = { notBefore: null, page: null };

describe('KubernetesClient', function () {
  this.timeout(30_000);
  let directory: string;
  let certificate: FakeCertificate;
  let api: FakeKubernetes;
  let client: KubernetesClient;

  const open = async (): Promise<KubernetesClient> =>
    KubernetesClient.open({ configFile: join(directory, 'kubeconfig'), node: fakeNode, labelKey: null });

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'knd-kubernetes-'));
    certificate = await makeFakeCertificate(directory);
  });
  after(() => rmSync(directory, { recursive: true }));
  beforeEach(async () => {
    api = await startFakeKubernetes(certificate);
    api.bearerToken = 'shown-by-the-daemon';
    api.writeKubeconfig(join(directory, 'kubeconfig'));
    client = await open();
  });
  afterEach(() => api.stop());

  const errorOf = async (call: Promise<unknown>): Promise<ApiError> => {
    const error: unknown = await call.catch((cause: unknown) => cause);
    if (error instanceof ApiError) return error;
    throw new Error(`It is no ApiError: ${String(error)}`);
  };
  const event = (name: string): EventBody => ({
    name,
    pod: { namespace: 'vms', name: 'p', uid: 'u' },
    type: 'Normal',
    reason: 'VirtualMachineStarted',
    message: 'x',
    count: 1,
    first: new Date(0),
    last: new Date(1000),
  });

  it('shows its token over TLS, to the server whose certificate it trusts alone', async () => {
    api.put({ uid: 'u', name: 'p' });
    const { pods, next, serverTime } = await client.listPods(listAll, forever);
    expect(pods.map(({ uid }) => uid)).to.deep.equal(['u']);
    expect(next).to.equal(null);
    expect(serverTime).to.be.closeTo(Date.now(), 5000);

    const other = mkdtempSync(join(directory, 'other-'));
    api.writeKubeconfig(join(directory, 'kubeconfig'), (await makeFakeCertificate(other)).cert);
    const before = api.requests.length;
    const { status, message } = await errorOf((await open()).listPods(listAll, forever));
    expect(status).to.equal(null);
    expect(message).to.match(/^the connection failed: .*CERT/);
    expect(api.requests.length).to.equal(before);
  });

  it('says the status of an answer, and nothing else that it held', async () => {
    api.bearerToken = 'another';
    const { status, message } = await errorOf(client.listPods(listAll, forever));
    expect([status, message]).to.deep.equal([401, 'the API server answered with status 401']);
    for (const call of [
      () => client.createEvent(event('e'), forever),
      () => client.countEvent(event('e'), forever),
      () => client.reviewToken('t', 'a', forever),
      () =>
        client.watchPods(
          { resourceVersion: '1', timeoutSeconds: 10, silenceMs: 5000 },
          { opened: () => undefined, event: () => undefined },
          forever,
        ),
    ])
      expect((await errorOf(call())).status).to.equal(401);
  });

  it('gives up at its deadline, and says so', async () => {
    api.isStuck = true;
    const { status, isSilence } = await errorOf(client.reviewToken('t', 'a', AbortSignal.timeout(200)));
    expect([status, isSilence]).to.deep.equal([null, true]);
  });

  it('leaves no connection behind', async () => {
    const stop = new AbortController();
    const watch = client.watchPods(
      { resourceVersion: '100', timeoutSeconds: 10, silenceMs: 5000 },
      { opened: () => undefined, event: () => undefined },
      stop.signal,
    );
    for (let i = 0; i < 20; i++) {
      await client.listPods(listAll, forever);
      await client.createEvent(event(`e${i}`), forever);
    }
    await waitUntil('the watch alone is connected', () => api.openConnections === 1, 5000);
    stop.abort();
    await watch;
    await waitUntil('nothing is connected', () => api.openConnections === 0, 5000);
  });

  it('writes events as Kubernetes takes them, with times of its own', async () => {
    await client.createEvent(event('e'), forever);
    await client.countEvent({ ...event('e'), count: 7, last: new Date(60_000) }, forever);
    expect(api.events.get('e')).to.deep.include({
      metadata: { name: 'e', namespace: 'vms' },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'vms', name: 'p', uid: 'u' },
      count: 7,
      firstTimestamp: '1970-01-01T00:00:00.000Z',
      lastTimestamp: '1970-01-01T00:01:00.000Z',
      reportingComponent: 'kubevirt-node-driver',
      reportingInstance: fakeNode,
    });
    expect((await errorOf(client.countEvent(event('unknown'), forever))).status).to.equal(404);
  });
});
