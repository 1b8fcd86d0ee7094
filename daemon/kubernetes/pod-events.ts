import { randomBytes } from 'node:crypto';

import type { Refusal, RefusalCode } from '../errors.ts';
import { TokenBucket } from '../token-bucket.ts';
import type { VmIdentity } from '../target/target.ts';
import type { EventBody } from './kubernetes-client.ts';
import type { PodInformer } from './pod-informer.ts';
import { ApiError } from './pod-source.ts';
import { Recent } from './recent.ts';

/** `dropped`: too many at once. `failed`: the API server did not take it. */
export const eventResults = ['sent', 'dropped', 'failed'] as const;

export type EventResult = (typeof eventResults)[number];

/** The API server takes 1024 bytes. */
const LONGEST_MESSAGE = 1000;
const DEADLINE_MS = 5000;
/** Waiting to be sent, of all pods. */
const MAX_QUEUED = 256;
/** Events whose repetitions are counted, and pods whose number is limited. */
const MAX_KNOWN = 2048;
/** Kubernetes itself forgets events after an hour. */
const FORGET_MS = 50 * 60_000;
const limits = {
  pod: { perSecond: 1 / 30, burst: 20 },
  node: { perSecond: 5, burst: 100 },
} as const;

/** What is about the caller, or about us, and nothing that the owner of the pod could mend. */
const untold: ReadonlySet<RefusalCode> = new Set([
  'protocol',
  'busy',
  'caller-not-allowed',
  'caller-gone',
  'kubernetes-unknown-pod',
  'kubernetes-unavailable',
  'internal',
]);

export interface PodEventsOptions {
  readonly sink: {
    createEvent(event: EventBody, signal: AbortSignal): Promise<void>;
    countEvent(event: EventBody, signal: AbortSignal): Promise<void>;
  };
  readonly informer: Pick<PodInformer, 'find'>;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  readonly onResult: (result: EventResult) => void;
}

/** One thing that happened to a pod, any number of times. */
interface Occurrence {
  event: EventBody;
  /** In the API already: what follows is counted there. */
  isCreated: boolean;
  isQueued: boolean;
  startedAt: number;
}

/** Tells the owners of pods by events what came of launches. Nobody ever waits for it. */
export class PodEvents {
  readonly #options: PodEventsOptions;
  readonly #known = new Recent<Occurrence>(MAX_KNOWN);
  readonly #buckets = new Recent<TokenBucket>(MAX_KNOWN);
  readonly #all: TokenBucket;
  readonly #queue: Occurrence[] = [];
  readonly #stop = new AbortController();
  #sending: Promise<void> | null = null;

  constructor(options: PodEventsOptions) {
    this.#options = options;
    this.#all = new TokenBucket({ ...limits.node, now: options.now });
  }

  started(podUid: string | null, vm: VmIdentity): void {
    this.#note(podUid, 'Normal', 'VirtualMachineStarted', `QEMU of VM ${nameOf(vm)} runs in this pod`);
  }

  /** `podUid`: the pod that the refusal is about, where there is one. Its `detail` is not told. */
  refused(podUid: string | null, { code, line }: Pick<Refusal, 'code' | 'line'>): void {
    if (!untold.has(code)) this.#note(podUid, 'Warning', 'VirtualMachineRefused', `${line} (${code})`);
  }

  /** What has not been sent is dropped. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#sending;
  }

  #note(podUid: string | null, type: EventBody['type'], reason: string, text: string): void {
    const pod = podUid === null ? undefined : this.#options.informer.find(podUid);
    if (pod === undefined || this.#stop.signal.aborted) return;
    const message = text.length <= LONGEST_MESSAGE ? text : `${text.slice(0, LONGEST_MESSAGE - 1)}…`;
    const key = `${pod.uid} ${reason} ${message}`;
    const now = new Date();
    const time = this.#options.now();
    const known = this.#known.get(key);
    if (known !== undefined && time - known.startedAt < FORGET_MS) {
      known.event = { ...known.event, count: known.event.count + 1, last: now };
      this.#enqueue(known);
      return;
    }
    const name = `${pod.name.slice(0, 200).replace(/[.-]+$/, '')}.${randomBytes(8).toString('hex')}`;
    const event = { name, pod, type, reason, message, count: 1, first: now, last: now };
    const occurrence = { event, isCreated: false, isQueued: false, startedAt: time };
    this.#known.set(key, occurrence);
    this.#enqueue(occurrence);
  }

  /** One that waits already takes the new count along. */
  #enqueue(occurrence: Occurrence): void {
    if (occurrence.isQueued) return;
    if (this.#queue.length >= MAX_QUEUED || !this.#take(occurrence.event.pod.uid)) {
      this.#options.onResult('dropped');
      return;
    }
    occurrence.isQueued = true;
    this.#queue.push(occurrence);
    this.#sending ??= this.#send().finally(() => (this.#sending = null));
  }

  #take(podUid: string): boolean {
    const { now } = this.#options;
    const bucket = this.#buckets.get(podUid) ?? new TokenBucket({ ...limits.pod, now });
    this.#buckets.set(podUid, bucket);
    return bucket.take() && this.#all.take();
  }

  async #send(): Promise<void> {
    const { onResult } = this.#options;
    for (;;) {
      const occurrence = this.#queue.shift();
      if (occurrence === undefined || this.#stop.signal.aborted) return;
      occurrence.isQueued = false;
      await this.#write(occurrence).then(
        () => onResult('sent'),
        () => onResult('failed'),
      );
    }
  }

  async #write(occurrence: Occurrence): Promise<void> {
    const { sink } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(DEADLINE_MS)]);
    if (occurrence.isCreated) {
      try {
        await sink.countEvent(occurrence.event, signal);
        return;
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 404) throw error;
      }
    }
    await sink.createEvent(occurrence.event, signal);
    occurrence.isCreated = true;
  }
}

function nameOf({ uuid, name }: VmIdentity): string {
  return name === undefined ? `"${uuid}"` : `"${uuid}" ("${name}")`;
}
