import type { Target } from '../target/target.ts';
import { judgePod, lastingVerdicts, passingVerdicts, type PodVerdict } from './judge-pod.ts';
import type { PodInformer } from './pod-informer.ts';
import type { PodView, WantedLabel } from './pod-view.ts';
import { kubernetesUnavailable, podRefusal } from './refusals.ts';

/** `unavailable`: Kubernetes could not be asked. */
export const opinionVerdicts = [
  'ok',
  'unknown',
  'ended',
  'deleting',
  'unlabelled',
  'foreign-container',
  'unavailable',
] as const satisfies readonly (PodVerdict | 'unavailable')[];

export type OpinionVerdict = (typeof opinionVerdicts)[number];

export interface SecondOpinionOptions {
  readonly informer: Pick<PodInformer, 'state' | 'find' | 'nextChange'>;
  readonly node: string;
  /** `null`: any pod will do. */
  readonly label: WantedLabel | null;
  /** Whether a pod may only be used when Kubernetes could be asked. */
  readonly isRequired: boolean;
  /** How long to wait for what Kubernetes does not know yet. */
  readonly waitMs: number;
  readonly onVerdict: (verdict: OpinionVerdict) => void;
}

/** Asks Kubernetes whether the pod that was found by its cgroups is one that a VM may start in. */
export class SecondOpinion {
  readonly #options: SecondOpinionOptions;

  constructor(options: SecondOpinionOptions) {
    this.#options = options;
  }

  /**
   * @returns `unavailable` where the launch may go on without
   * @throws Refusal of a code that begins with `kubernetes-`
   */
  async check({
    podUid,
    containerId,
  }: Pick<Target, 'podUid' | 'containerId'>): Promise<'ok' | 'unavailable'> {
    const { label, node, isRequired, onVerdict, informer } = this.#options;
    const uid = podUid ?? '';
    const verdict = await this.#await(uid, containerId);
    onVerdict(verdict);
    if (verdict === 'ok') return verdict;
    if (verdict !== 'unavailable')
      throw podRefusal(verdict, { uid, containerId, pod: informer.find(uid), node, label });
    if (!isRequired) return verdict;
    throw kubernetesUnavailable(`the pod ${uid}`, this.whyUnavailable, true);
  }

  /** The pod with this UID, waited for as in {@link check}; undefined where Kubernetes has none, or can't be asked. */
  async find(uid: string): Promise<PodView | undefined> {
    const { informer, waitMs } = this.#options;
    const deadline = performance.now() + waitMs;
    for (;;) {
      const pod = informer.find(uid);
      const left = deadline - performance.now();
      if (pod !== undefined || left <= 0) return pod;
      await informer.nextChange(left);
    }
  }

  get isAvailable(): boolean {
    return this.#options.informer.state === 'synced';
  }

  get whyUnavailable(): string {
    return this.#options.informer.state === 'starting'
      ? 'the pods of the node have not been listed yet'
      : 'the watch of the pods of the node is broken';
  }

  async #await(uid: string, containerId: string | null): Promise<OpinionVerdict> {
    const { informer, label, waitMs } = this.#options;
    const deadline = performance.now() + waitMs;
    for (;;) {
      const verdict = judgePod(informer.find(uid), containerId, label);
      if (lastingVerdicts.has(verdict)) return verdict;
      const isDecided = this.isAvailable && !passingVerdicts.has(verdict);
      if (isDecided) return verdict;
      const left = deadline - performance.now();
      if (left <= 0 || !this.#isWorthWaiting()) return this.isAvailable ? verdict : 'unavailable';
      await informer.nextChange(left);
    }
  }

  /** While the API is away for long, launches that may go on without it are not kept waiting. */
  #isWorthWaiting(): boolean {
    return this.#options.isRequired || this.#options.informer.state !== 'degraded';
  }
}
