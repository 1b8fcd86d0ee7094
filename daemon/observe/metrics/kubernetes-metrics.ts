import { Gauge, type Registry } from 'prom-client';

import { eventResults, type EventResult } from '../../kubernetes/pod-events.ts';
import {
  informerStates,
  restartReasons,
  type InformerState,
  type RestartReason,
} from '../../kubernetes/pod-informer.ts';
import { opinionVerdicts, type OpinionVerdict } from '../../kubernetes/second-opinion.ts';
import { reviewResults, type ReviewResult } from '../../kubernetes/token-reviewer.ts';
import { labelledCounter } from './labelled-counter.ts';
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

  const restarts = labelledCounter({
    name: 'kubernetes_watch_restarts_total',
    help: 'How often the watch of the pods was begun anew, by the reason for it.',
    label: 'reason',
    values: restartReasons,
    registers,
  });

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

  const verdicts = labelledCounter({
    name: 'kubernetes_verdicts_total',
    help: 'What Kubernetes said about pods that were to get a VM.',
    label: 'verdict',
    values: opinionVerdicts,
    registers,
  });

  const events = labelledCounter({
    name: 'kubernetes_events_total',
    help: 'Events about pods, by whether they were sent, dropped since there were too many, or failed.',
    label: 'result',
    values: eventResults,
    registers,
  });

  const reviews = labelledCounter({
    name: 'kubernetes_token_reviews_total',
    help: 'ServiceAccount tokens that were looked at, by what came of it.',
    label: 'result',
    values: reviewResults,
    registers,
  });

  return {
    informerIs(state): void {
      for (const each of informerStates) states.set({ state: each }, each === state ? 1 : 0);
    },
    watchRestarted: restarts,
    kubernetesSpoke(serverTime, now): void {
      lastWord.set(now / 1000);
      if (serverTime !== null) skew.set((serverTime - now) / 1000);
    },
    countPods(source): void {
      podsOf = source;
    },
    kubernetesSaid: verdicts,
    podEvent: events,
    tokenReviewed: reviews,
  };
}
