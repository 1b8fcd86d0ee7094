import { Counter, Gauge, type Registry } from 'prom-client';

import { eventResults, type EventResult } from '../../kubernetes/pod-events.ts';
import {
  informerStates,
  restartReasons,
  type InformerState,
  type RestartReason,
} from '../../kubernetes/pod-informer.ts';
import { opinionVerdicts, type OpinionVerdict } from '../../kubernetes/second-opinion.ts';
import { reviewResults, type ReviewResult } from '../../kubernetes/token-reviewer.ts';
import { prefix } from './prefix.ts';

/** What comes of asking and telling Kubernetes; all of it 0 where that is off. */
export interface KubernetesMetrics {
  informerIs(state: InformerState): void;
  watchRestarted(reason: RestartReason): void;
  /** `serverTime`: by the clock of the API server, where it told; both in milliseconds since 1970. */
  kubernetesSpoke(serverTime: number | null, now: number): void;
  /** Where the number of known pods comes from; asked at every scrape. */
  countPods(source: () => number): void;
  kubernetesSaid(verdict: OpinionVerdict): void;
  podEvent(result: EventResult): void;
  tokenReviewed(result: ReviewResult): void;
}

export function createKubernetesMetrics(registers: Registry[]): KubernetesMetrics {
  let podsOf: () => number = () => 0;

  const states = new Gauge({
    name: `${prefix}kubernetes_informer_state`,
    help: 'What is known of the pods of the node: 1 for the state that holds. All 0: Kubernetes is not asked.',
    labelNames: ['state'] as const,
    registers,
  });
  for (const state of informerStates) states.set({ state }, 0);

  const restarts = new Counter({
    name: `${prefix}kubernetes_watch_restarts_total`,
    help: 'How often the watch of the pods was begun anew, by the reason for it.',
    labelNames: ['reason'] as const,
    registers,
  });
  for (const reason of restartReasons) restarts.inc({ reason }, 0);

  const lastWord = new Gauge({
    name: `${prefix}kubernetes_watch_last_event_timestamp_seconds`,
    help: 'When something last came from the API server about pods: a list, a change or a bookmark. 0: never.',
    registers,
  });

  const skew = new Gauge({
    name: `${prefix}kubernetes_clock_skew_seconds`,
    help: 'How far the clock of the API server is ahead of the clock of the node, to about a second.',
    registers,
  });

  new Gauge({
    name: `${prefix}kubernetes_cached_pods`,
    help: 'Pods of the node that are known.',
    registers,
    collect(): void {
      this.set(podsOf());
    },
  });

  const verdicts = new Counter({
    name: `${prefix}kubernetes_verdicts_total`,
    help: 'What Kubernetes said about pods that were to get a VM.',
    labelNames: ['verdict'] as const,
    registers,
  });
  for (const verdict of opinionVerdicts) verdicts.inc({ verdict }, 0);

  const events = new Counter({
    name: `${prefix}kubernetes_events_total`,
    help: 'Events about pods, by whether they were sent, dropped since there were too many, or failed.',
    labelNames: ['result'] as const,
    registers,
  });
  for (const result of eventResults) events.inc({ result }, 0);

  const reviews = new Counter({
    name: `${prefix}kubernetes_token_reviews_total`,
    help: 'ServiceAccount tokens that were looked at, by what came of it.',
    labelNames: ['result'] as const,
    registers,
  });
  for (const result of reviewResults) reviews.inc({ result }, 0);

  return {
    informerIs(state): void {
      for (const each of informerStates) states.set({ state: each }, each === state ? 1 : 0);
    },
    watchRestarted: (reason) => restarts.inc({ reason }),
    kubernetesSpoke(serverTime, now): void {
      lastWord.set(now / 1000);
      if (serverTime !== null) skew.set((serverTime - now) / 1000);
    },
    countPods(source): void {
      podsOf = source;
    },
    kubernetesSaid: (verdict) => verdicts.inc({ verdict }),
    podEvent: (result) => events.inc({ result }),
    tokenReviewed: (result) => reviews.inc({ result }),
  };
}
