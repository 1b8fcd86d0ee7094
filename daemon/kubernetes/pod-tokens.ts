import type { Target } from '../target/target.ts';
import type { Secret } from '../secret/secret.ts';
import { bindingFault } from './judge-review.ts';
import type { SecondOpinion } from './second-opinion.ts';
import type { TokenReview, TokenReviewer } from './token-reviewer.ts';
import { kubernetesUnavailable } from './refusals.ts';

/** ServiceAccount tokens as secrets: whoever has one that is bound to a pod may start a VM in that pod. */
export class PodTokens {
  readonly #reviewer: TokenReviewer;
  readonly #opinion: SecondOpinion;

  constructor(reviewer: TokenReviewer, opinion: SecondOpinion) {
    this.#reviewer = reviewer;
    this.#opinion = opinion;
  }

  /** @throws Refusal `kubernetes-unavailable` */
  review(token: Secret): Promise<TokenReview> {
    return this.#reviewer.review(token);
  }

  /**
   * Why the token does not open this pod; `null` when it does.
   *
   * @throws Refusal `kubernetes-unavailable`
   */
  async faultFor({ token }: TokenReview, { podUid }: Pick<Target, 'podUid'>): Promise<string | null> {
    if (token.fault !== null) return token.fault;
    const { pod: bound } = token;
    // First of all, so that nobody waits for a pod that it is not for.
    if (podUid !== bound.uid) return `it is bound to the pod with the UID ${bound.uid}`;
    const pod = await this.#opinion.find(podUid);
    if (pod !== undefined) return bindingFault(bound, pod);
    if (this.#opinion.isAvailable) return 'Kubernetes has no such pod on this node';
    throw kubernetesUnavailable(`the pod ${podUid}`, this.#opinion.whyUnavailable, false);
  }
}
