export interface TokenBucketOptions {
  /** Tokens that come back in a second. */
  readonly perSecond: number;
  /** Most tokens that can be saved up; the bucket starts full. */
  readonly burst: number;
  /** Monotonic time in milliseconds. */
  readonly now: () => number;
}

/** Allows `burst` takes at once and `perSecond` in the long run. */
export class TokenBucket {
  readonly #options: TokenBucketOptions;
  #tokens: number;
  #filledAt: number;

  constructor(options: TokenBucketOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#filledAt = options.now();
  }

  /** Takes so many tokens, if they are there. */
  take(count = 1): boolean {
    this.#fill();
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Whether it is as a new one would be. */
  get isFull(): boolean {
    this.#fill();
    return this.#tokens >= this.#options.burst;
  }

  #fill(): void {
    const { perSecond, burst, now } = this.#options;
    const time = now();
    const elapsed = Math.max(0, time - this.#filledAt);
    this.#tokens = Math.min(burst, this.#tokens + (elapsed / 1_000) * perSecond);
    this.#filledAt = time;
  }

  /** Undoes a take. */
  giveBack(count = 1): void {
    this.#tokens = Math.min(this.#options.burst, this.#tokens + count);
  }
}
