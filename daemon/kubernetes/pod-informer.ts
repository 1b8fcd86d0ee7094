import { setTimeout as delay } from 'node:timers/promises';

import { Changes } from './changes.ts';
import { fullJitterMs, type JitterRange } from './full-jitter.ts';
import { ApiError, type PodSource } from './pod-source.ts';
import { fieldOf, textOf, type PodView } from './pod-view.ts';

/** `starting`: nothing is known yet. `degraded`: what is known may be out of date. */
export const informerStates = ['starting', 'synced', 'degraded'] as const;

export type InformerState = (typeof informerStates)[number];

/**
 * Why the watch was begun anew. `closed`: the API server ended it. `relist`: time to take a new list. `silent`: nothing
 * came for too long. `gone`: what came meanwhile is forgotten there (410). `connection`: it broke. `status`: the API
 * server refused it. `list`: the pods could not be listed.
 */
export const restartReasons = ['closed', 'relist', 'silent', 'gone', 'connection', 'status', 'list'] as const;

export type RestartReason = (typeof restartReasons)[number];

export interface InformerTiming {
  /** The API server is to end a watch after this time or up to twice of it, so that not all nodes come back at once. */
  readonly watchMs: number;
  /** How often the pods are listed, whatever comes by watches. */
  readonly relistMs: number;
  /** An API server sends a bookmark each minute. */
  readonly silenceMs: number;
  readonly listDeadlineMs: number;
  readonly retry: JitterRange;
  /** A watch that ends sooner, and brought nothing, counts as a failure. */
  readonly briefMs: number;
}

export const informerTiming: InformerTiming = {
  watchMs: 5 * 60_000,
  relistMs: 30 * 60_000,
  silenceMs: 150_000,
  listDeadlineMs: 30_000,
  retry: { firstMs: 1000, longestMs: 30_000 },
  briefMs: 5000,
};

export interface PodInformerOptions {
  readonly source: PodSource;
  readonly timing: InformerTiming;
  /** As `Math.random`. */
  readonly random: () => number;
  readonly onState: (state: InformerState) => void;
  readonly onRestart: (reason: RestartReason, cause: string) => void;
  /** Something came from the API server; `serverTime` as in `PodPage`. */
  readonly onWord: (serverTime: number | null) => void;
}

/** How a round of list and watch ended. */
interface RoundEnd {
  readonly reason: RestartReason;
  readonly cause: string;
}

/** From these on, what is known of the pods can't be taken for what is. */
const degrading: ReadonlySet<RestartReason> = new Set(['silent', 'gone', 'connection', 'status', 'list']);

/** Knows the pods of this node: a list, and a watch that is begun anew whatever happens to it. */
export class PodInformer {
  readonly #options: PodInformerOptions;
  readonly #changes = new Changes();
  readonly #stop = new AbortController();
  #pods = new Map<string, PodView>();
  #state: InformerState = 'starting';
  /** Newest version that was seen; `null` where the next list has to be the newest there is. */
  #version: string | null = '0';
  #mustList = true;
  #listedAt = 0;
  /** Rounds in a row that brought nothing. */
  #failures = 0;
  #wasHealthy = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: PodInformerOptions) {
    this.#options = options;
  }

  get state(): InformerState {
    return this.#state;
  }

  get size(): number {
    return this.#pods.size;
  }

  find(uid: string): PodView | undefined {
    return this.#pods.get(uid);
  }

  /** Comes back when pods or state have changed, or after that time. */
  nextChange(longestMs: number): Promise<void> {
    return this.#changes.next(longestMs);
  }

  start(): void {
    this.#running = this.#run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { onRestart, random, timing } = this.#options;
    while (!signal.aborted) {
      const { reason, cause } = await this.#round(signal);
      // Told apart from what `stop` brought about.
      if (isAborted(signal)) return;
      if (degrading.has(reason)) this.#degrade();
      const wasHealthy = this.#takeHealth();
      if (wasHealthy) this.#failures = 0;
      const isFailure = !wasHealthy || reason === 'connection' || reason === 'status' || reason === 'list';
      if (isFailure) this.#failures++;
      onRestart(reason, cause);
      const wait = isFailure ? fullJitterMs(this.#failures, timing.retry, random) : 0;
      await delay(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Whether the round that is over brought anything. */
  #takeHealth(): boolean {
    const wasHealthy = this.#wasHealthy;
    this.#wasHealthy = false;
    return wasHealthy;
  }

  async #round(signal: AbortSignal): Promise<RoundEnd> {
    try {
      if (this.#mustList || performance.now() - this.#listedAt >= this.#options.timing.relistMs)
        await this.#list(signal);
    } catch (error) {
      this.#version = null;
      return { reason: 'list', cause: messageOf(error) };
    }
    return this.#watch(signal);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { source, timing, onWord } = this.#options;
    const both = AbortSignal.any([signal, AbortSignal.timeout(timing.listDeadlineMs)]);
    const pods = new Map<string, PodView>();
    let page: string | null = null;
    do {
      const answer = await source.listPods({ notBefore: this.#version, page }, both);
      for (const pod of answer.pods) pods.set(pod.uid, pod);
      page = answer.next;
      if (page === null) this.#version = answer.resourceVersion;
      onWord(answer.serverTime);
    } while (page !== null);
    this.#pods = pods;
    this.#mustList = false;
    this.#listedAt = performance.now();
    this.#setState('synced');
  }

  async #watch(signal: AbortSignal): Promise<RoundEnd> {
    const { source, timing, random } = this.#options;
    const own = new AbortController();
    const begin = performance.now();
    const tillRelist = Math.max(1, this.#listedAt + timing.relistMs - begin);
    const refusals: RoundEnd[] = [];
    const timer = setTimeout(() => own.abort(), tillRelist);
    const request = {
      resourceVersion: this.#version ?? '',
      timeoutSeconds: Math.ceil((timing.watchMs / 1000) * (1 + random())),
      silenceMs: timing.silenceMs,
    };
    const sink = {
      opened: (): void => this.#setState('synced'),
      event: (type: string, object: unknown): void => {
        if (type === 'ERROR') {
          refusals.push(this.#refusedBy(object));
          own.abort();
        } else this.#apply(type, object);
      },
    };
    try {
      await source.watchPods(request, sink, AbortSignal.any([signal, own.signal]));
      if (performance.now() - begin >= timing.briefMs) this.#wasHealthy = true;
      const [refusal] = refusals;
      if (refusal !== undefined) return refusal;
      if (own.signal.aborted) this.#wasHealthy = true;
      return own.signal.aborted
        ? { reason: 'relist', cause: 'it is time to list the pods' }
        : { reason: 'closed', cause: 'the API server ended it' };
    } catch (error) {
      return this.#brokenBy(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #brokenBy(error: unknown): RoundEnd {
    const cause = messageOf(error);
    if (!(error instanceof ApiError)) return { reason: 'connection', cause };
    if (error.isSilence) {
      this.#wasHealthy = true; // it took its time already
      this.#mustList = true; // an API server that is stuck may well take a watch
      return { reason: 'silent', cause };
    }
    if (error.status === null) return { reason: 'connection', cause };
    return error.status === 410 ? this.#gone(cause) : { reason: 'status', cause };
  }

  #refusedBy(status: unknown): RoundEnd {
    const cause = textOf(status, 'message') ?? 'an error without a message';
    return fieldOf(status, 'code') === 410 ? this.#gone(cause) : { reason: 'status', cause };
  }

  #gone(cause: string): RoundEnd {
    this.#mustList = true;
    this.#version = null;
    return { reason: 'gone', cause };
  }

  #apply(type: string, object: unknown): void {
    const { source, onWord } = this.#options;
    this.#wasHealthy = true;
    onWord(null);
    this.#version = textOf(fieldOf(object, 'metadata'), 'resourceVersion') ?? this.#version;
    const pod = type === 'BOOKMARK' ? null : source.viewPod(object);
    if (pod === null) return;
    if (type === 'DELETED') this.#pods.delete(pod.uid);
    else this.#pods.set(pod.uid, pod);
    this.#changes.announce();
  }

  /** Before the first list, there is nothing that could be out of date. */
  #degrade(): void {
    if (this.#state === 'synced') this.#setState('degraded');
  }

  #setState(state: InformerState): void {
    const before = this.#state;
    this.#state = state;
    if (state !== before) this.#options.onState(state);
    this.#changes.announce();
  }
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
