import { TokenBucket } from '../token-bucket.ts';

/** Of each kind: a flood must not fill the log, and with it the disk. */
const LINES = { perSecond: 10, burst: 200, now: () => performance.now() } as const;

/** Keeps lines that others can bring about few, by their kinds. */
export class LineLimit<Kind> {
  readonly #kinds = new Map<Kind, { readonly bucket: TokenBucket; suppressed: number }>();

  /** How many lines of this kind were left out since the last; `null`: leave this one out, too. */
  take(kind: Kind): number | null {
    const lines = this.#kinds.get(kind) ?? { bucket: new TokenBucket(LINES), suppressed: 0 };
    this.#kinds.set(kind, lines);
    if (!lines.bucket.take()) {
      lines.suppressed++;
      return null;
    }
    const { suppressed } = lines;
    lines.suppressed = 0;
    return suppressed;
  }
}
