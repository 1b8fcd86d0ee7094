import type { RefusalCode } from '../errors.ts';
import { TokenBucket, type TokenBucketOptions } from '../token-bucket.ts';

type LineCode = RefusalCode | 'lost';

/** A flood must not fill the log, and with it the disk. */
const LINES = { perSecond: 10, burst: 200, now: () => performance.now() } as const;
/** Beyond so many they share one: who has many origins gets no more lines by that. */
const MAX_ORIGINS = 32;

interface Lines {
  readonly bucket: TokenBucket;
  suppressed: number;
}

/**
 * How many lines are written about those who are refused, by code and by who they are, so that the flood of one hides
 * neither what else goes wrong nor the same of another.
 */
export class LineLimits {
  readonly #options: TokenBucketOptions;
  readonly #codes = new Map<LineCode, Map<string, Lines>>();
  readonly #shared = new Map<LineCode, Lines>();

  constructor(options: TokenBucketOptions = LINES) {
    this.#options = options;
  }

  /**
   * Takes one line.
   *
   * @param origin see `launchOrigin`
   * @returns how many such lines were left out since the last; `null`: leave this one out, too
   */
  take(code: LineCode, origin: string): number | null {
    const lines = this.#linesOf(code, origin);
    if (!lines.bucket.take()) {
      lines.suppressed++;
      return null;
    }
    const { suppressed } = lines;
    lines.suppressed = 0;
    return suppressed;
  }

  #linesOf(code: LineCode, origin: string): Lines {
    const origins = this.#codes.get(code) ?? new Map<string, Lines>();
    this.#codes.set(code, origins);
    const known = origins.get(origin);
    if (known !== undefined) return known;
    if (origins.size >= MAX_ORIGINS) this.#forgetQuiet(code, origins);
    return origins.size < MAX_ORIGINS ? this.#add(origins, origin) : this.#sharedBy(code);
  }

  /** Those that have been quiet for so long that a new bucket would be no fuller. What they left out is still told. */
  #forgetQuiet(code: LineCode, origins: Map<string, Lines>): void {
    for (const [origin, { bucket, suppressed }] of origins) {
      if (!bucket.isFull) continue;
      origins.delete(origin);
      if (suppressed > 0) this.#sharedBy(code).suppressed += suppressed;
    }
  }

  #sharedBy(code: LineCode): Lines {
    return this.#shared.get(code) ?? this.#add(this.#shared, code);
  }

  #add<Key>(to: Map<Key, Lines>, key: Key): Lines {
    const lines = { bucket: new TokenBucket(this.#options), suppressed: 0 };
    to.set(key, lines);
    return lines;
  }
}
