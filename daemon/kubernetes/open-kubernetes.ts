import type { Config } from '../config/config.ts';
import type { Logger } from '../observe/logger.ts';
import type { KubernetesMetrics } from '../observe/metrics.ts';
import { KubernetesClient } from './kubernetes-client.ts';
import { PodEvents } from './pod-events.ts';
import { informerTiming, PodInformer } from './pod-informer.ts';
import { PodTokens } from './pod-tokens.ts';
import { SecondOpinion } from './second-opinion.ts';
import { TokenReviewer } from './token-reviewer.ts';

/** What the daemon asks and tells Kubernetes. */
export interface Kubernetes {
  readonly opinion: SecondOpinion;
  /** `null` where tokens are not accepted as secrets. */
  readonly tokens: PodTokens | null;
  readonly events: PodEvents;
  close(): Promise<void>;
}

type KubernetesConfig = Pick<
  Config,
  | 'kubernetes'
  | 'kubernetesRequired'
  | 'kubernetesPodLabel'
  | 'kubernetesWait'
  | 'kubernetesNode'
  | 'kubernetesConfig'
  | 'kubernetesTokenAudience'
  | 'secretForms'
>;

export interface KubernetesHooks {
  readonly logger: Logger;
  readonly metrics: KubernetesMetrics;
}

/**
 * Connects to Kubernetes; `null` where that is off. That it can't be reached is no error: it is asked again.
 *
 * @throws Error with cause and remedy when it is not known whom to ask, or about which node
 */
export async function openKubernetes(
  config: KubernetesConfig,
  { logger, metrics }: KubernetesHooks,
): Promise<Kubernetes | null> {
  if (config.kubernetes === 'off') return null;
  const node = nodeName(config);
  const label = config.kubernetesPodLabel;
  const client = await KubernetesClient.open({
    configFile: config.kubernetesConfig,
    node,
    labelKey: label?.key ?? null,
  });
  const informer = new PodInformer({
    source: client,
    timing: informerTiming,
    random: Math.random,
    onState: (state) => {
      logger.info('The view of the pods has changed', { state });
      metrics.informerIs(state);
    },
    onRestart: (reason, cause) => {
      const isUsual = reason === 'closed' || reason === 'relist';
      logger[isUsual ? 'debug' : 'warn']('Watching the pods anew', { reason, cause });
      metrics.watchRestarted(reason);
    },
    onWord: (serverTime) => metrics.kubernetesSpoke(serverTime, Date.now()),
  });
  metrics.informerIs(informer.state);
  metrics.countPods(() => informer.size);
  const opinion = new SecondOpinion({
    informer,
    node,
    label,
    isRequired: config.kubernetesRequired,
    waitMs: config.kubernetesWait,
    onVerdict: (verdict) => metrics.kubernetesSaid(verdict),
  });
  const events = new PodEvents({
    sink: client,
    informer,
    now: () => performance.now(),
    onResult: (result) => metrics.podEvent(result),
  });
  const reviewer = new TokenReviewer({
    api: client,
    audience: config.kubernetesTokenAudience,
    now: () => performance.now(),
    onResult: (result) => metrics.tokenReviewed(result),
  });
  informer.start();
  return {
    opinion,
    tokens: config.secretForms?.includes('token') === true ? new PodTokens(reviewer, opinion) : null,
    events,
    close: async () => {
      await Promise.all([events.close(), informer.stop()]);
    },
  };
}

function nodeName({ kubernetesNode }: Pick<Config, 'kubernetesNode'>): string {
  const name = kubernetesNode ?? process.env['NODE_NAME'] ?? '';
  if (name !== '') return name;
  throw new Error(
    'Cannot ask Kubernetes about the pods of this node: its name is not known; set NODE_NAME from "spec.nodeName", or ' +
      '"kubernetes-node", or "kubernetes = off"',
  );
}
