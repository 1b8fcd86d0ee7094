import { TokenBucket } from '../token-bucket.ts';
import { Limited } from './launch-limits.ts';

/** Wrong secrets that one caller may bring for one VM at once, and in a second in the long run. */
const BURST = 5;
const PER_SECOND = 0.2;
/** Who was here longest ago is forgotten first. */
const MAX_KNOWN = 4096;

/**
 * Keeps callers from trying secrets of a VM on and on. Each try has the node's processes and the files of all pods that
 * claim the VM looked through, so who has a wrong secret could slow down all others; and it is how secrets are guessed.
 */
export class SecretTries {
  readonly #now: () => number;
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Runs an action that finds out whether a secret is right.
   *
   * @param key who asks, and for which VM
   * @param isWrong whether it failed for the secret: only that counts
   * @throws Limited when there were too many wrong ones
   */
  async count<Result>(
    key: string,
    action: () => Promise<Result>,
    isWrong: (error: unknown) => boolean,
  ): Promise<Result> {
    const bucket = this.#bucketOf(key);
    // Before it is known: those that are still being decided on count as well.
    if (!bucket.take()) throw tooMany();
    let isCounted = false;
    try {
      return await action();
    } catch (error) {
      isCounted = isWrong(error);
      throw error;
    } finally {
      if (!isCounted) bucket.giveBack();
    }
  }

  #bucketOf(key: string): TokenBucket {
    const bucket =
      this.#buckets.get(key) ?? new TokenBucket({ perSecond: PER_SECOND, burst: BURST, now: this.#now });
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MAX_KNOWN && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket;
  }
}

function tooMany(): Limited {
  return new Limited(
    'secrets',
    `Cannot check the secret of this VM again now: it was wrong ${BURST} times in a short time`,
    `correct it, and start the VM again in ${1 / PER_SECOND} s`,
  );
}
