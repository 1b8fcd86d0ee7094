import { createHash } from 'node:crypto';

import type { Secret } from '../secret/secret.ts';
import { judgeReview, type ReviewedToken } from './judge-review.ts';
import { ApiError } from './pod-source.ts';
import { Recent } from './recent.ts';
import { kubernetesUnavailable } from './refusals.ts';
import { tokenExpiry } from './token-expiry.ts';

export const reviewResults = ['accepted', 'refused', 'cached', 'failed'] as const;

export type ReviewResult = (typeof reviewResults)[number];

const LONGEST_CACHED_MS = 60_000;
const MAX_CACHED = 1024;
const DEADLINE_MS = 5000;

export interface TokenReviewerOptions {
  readonly api: { reviewToken(token: string, audience: string, signal: AbortSignal): Promise<unknown> };
  readonly audience: string;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  readonly onResult: (result: ReviewResult) => void;
}

/** A token that was reviewed, and until when that counts. */
export interface TokenReview {
  readonly token: ReviewedToken;
  /** Milliseconds since 1970: the token's own `exp`, where it tells one. */
  readonly expiresAt: number;
}

interface CachedReview {
  readonly review: Promise<TokenReview>;
  /** Of the monotonic clock. */
  readonly until: number;
}

/** Has Kubernetes look at ServiceAccount tokens. What it said counts for a minute; of tokens, only hashes are kept. */
export class TokenReviewer {
  readonly #options: TokenReviewerOptions;
  readonly #cache = new Recent<CachedReview>(MAX_CACHED);

  constructor(options: TokenReviewerOptions) {
    this.#options = options;
  }

  /** @throws Refusal `kubernetes-unavailable` when Kubernetes can't be asked: the token does not count then */
  async review(token: Secret): Promise<TokenReview> {
    const { now, onResult } = this.#options;
    const text = token.reveal().toString('latin1');
    const key = createHash('sha256').update(text, 'latin1').digest('base64');
    const cached = this.#cache.get(key);
    if (cached !== undefined && now() < cached.until) {
      onResult('cached');
      return cached.review;
    }
    const expiresAt = tokenExpiry(text);
    const longest = Math.max(0, Math.min(LONGEST_CACHED_MS, (expiresAt ?? Infinity) - Date.now()));
    // Also while it is being asked: of two that come at once, one asks.
    const review = this.#ask(text, expiresAt ?? Date.now() + LONGEST_CACHED_MS);
    this.#cache.set(key, { review, until: now() + longest });
    // One that could not be asked about is asked about again.
    review.catch(() => this.#cache.delete(key));
    return review;
  }

  async #ask(token: string, expiresAt: number): Promise<TokenReview> {
    const { api, audience, onResult } = this.#options;
    try {
      const status = await api.reviewToken(token, audience, AbortSignal.timeout(DEADLINE_MS));
      const reviewed = judgeReview(status, audience);
      onResult(reviewed.fault === null ? 'accepted' : 'refused');
      return { token: reviewed, expiresAt };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      onResult('failed');
      throw kubernetesUnavailable('the token of the domain', error.message, false);
    }
  }
}
