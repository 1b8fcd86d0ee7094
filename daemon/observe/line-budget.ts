import { TokenBucket, type TokenBucketOptions } from '../token-bucket.ts';

/** A flood must not fill the log, and with it the disk. */
const LINES: TokenBucketOptions = { perSecond: 10, burst: 200, now: () => performance.now() };

/** How many lines of one kind are written, and how many were left out. */
export class LineBudget {
  readonly #bucket: TokenBucket;
  #suppressed = 0;

  constructor(options: TokenBucketOptions = LINES) {
    this.#bucket = new TokenBucket(options);
  }

  /** Takes one line: how many were left out since the last; `null`: leave this one out, too. */
  take(): number | null {
    if (this.#bucket.take()) return this.takeSuppressed();
    this.#suppressed++;
    return null;
  }

  /** How many were left out, which is told by somebody now. */
  takeSuppressed(): number {
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed;
  }

  /** Tells of lines with the next one that were left out elsewhere. */
  addSuppressed(lines: number): void {
    this.#suppressed += lines;
  }

  /** Whether it has been quiet for so long that a new one would allow no more. */
  get isFull(): boolean {
    return this.#bucket.isFull;
  }
}
