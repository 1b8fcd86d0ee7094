import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubernetesClient } from '../../daemon/kubernetes/kubernetes-client.ts';
import { PodInformer, type InformerTiming } from '../../daemon/kubernetes/pod-informer.ts';
import { createMetrics, type Metrics } from '../../daemon/observe/metrics.ts';
import { startFakeKubernetes, type FakeKubernetes } from './fake-kubernetes.ts';
import { fakeNode } from './fake-pod.ts';
import { waitUntil } from './wait-until.ts';

/** An informer as the daemon has it, against an API server that can be made to fail, and quicker to try again. */
export interface InformerRig {
  readonly api: FakeKubernetes;
  readonly client: KubernetesClient;
  readonly informer: PodInformer;
  /** One of the daemon's figures: name without prefix, with labels. */
  readonly metric: (name: string) => Promise<number>;
  /** Waits until the figure is at least that. */
  readonly reaches: (name: string, least: number) => Promise<void>;
  readonly is: (state: PodInformer['state']) => Promise<void>;
  readonly knows: (count: number) => Promise<void>;
  close(): Promise<void>;
}

const quick: InformerTiming = {
  watchMs: 60_000,
  relistMs: 600_000,
  silenceMs: 60_000,
  listDeadlineMs: 10_000,
  retry: { firstMs: 20, longestMs: 200 },
  briefMs: 5000,
};

export async function startInformer(
  timing: Partial<InformerTiming> = {},
  prepare: (api: FakeKubernetes) => void = () => undefined,
): Promise<InformerRig> {
  const api = await startFakeKubernetes();
  prepare(api);
  const directory = mkdtempSync(join(tmpdir(), 'knd-kubernetes-'));
  const configFile = join(directory, 'kubeconfig');
  api.writeKubeconfig(configFile);
  const client = await KubernetesClient.open({ configFile, node: fakeNode, labelKey: 'kubevirt.io' });
  const metrics: Metrics = createMetrics({ version: '1', commit: '', nodeVersion: '' });
  const informer = new PodInformer({
    source: client,
    timing: { ...quick, ...timing },
    random: Math.random,
    onState: (state) => metrics.informerIs(state),
    onRestart: (reason) => metrics.watchRestarted(reason),
    onWord: (serverTime) => metrics.kubernetesSpoke(serverTime, Date.now()),
  });
  metrics.informerIs(informer.state);
  metrics.countPods(() => informer.size);
  informer.start();

  const metric = async (name: string): Promise<number> => {
    const line = (await metrics.render())
      .split('\n')
      .find((each) => each.startsWith(`kubevirt_node_driver_kubernetes_${name} `));
    if (line === undefined) throw new Error(`There is no figure ${name}`);
    return Number(line.split(' ')[1]);
  };
  return {
    api,
    client,
    informer,
    metric,
    reaches: async (name, least) => {
      const isReached = async (): Promise<true | undefined> =>
        (await metric(name)) >= least ? true : undefined;
      await waitUntil(`${name} is at least ${least}`, isReached, 10_000, 20);
    },
    is: async (state) => {
      const isState = (): true | undefined => (informer.state === state ? true : undefined);
      await waitUntil(`the informer is ${state}`, isState, 10_000, 5);
    },
    knows: async (count) => {
      const hasCount = (): true | undefined => (informer.size === count ? true : undefined);
      await waitUntil(`${count} pods are known`, hasCount, 10_000, 10);
    },
    close: async () => {
      await informer.stop();
      await api.stop();
      rmSync(directory, { recursive: true });
    },
  };
}
