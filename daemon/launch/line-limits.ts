import type { RefusalCode } from '../errors.ts';
import { LineBudget } from '../observe/line-budget.ts';
import type { TokenBucketOptions } from '../token-bucket.ts';

type LineCode = RefusalCode | 'lost';

/** Beyond so many they share one: who has many origins gets no more lines by that. */
const MAX_ORIGINS = 32;

/**
 * How many lines are written about those who are refused, by code and by who they are, so that the flood of one hides
 * neither what else goes wrong nor the same of another.
 */
export class LineLimits {
  readonly #options: TokenBucketOptions | undefined;
  readonly #codes = new Map<LineCode, Map<string, LineBudget>>();
  readonly #shared = new Map<LineCode, LineBudget>();

  constructor(options?: TokenBucketOptions) {
    this.#options = options;
  }

  /**
   * Takes one line.
   *
   * @param origin see `launchOrigin`
   * @returns how many such lines were left out since the last; `null`: leave this one out, too
   */
  take(code: LineCode, origin: string): number | null {
    return this.#budgetOf(code, origin).take();
  }

  #budgetOf(code: LineCode, origin: string): LineBudget {
    const origins = this.#codes.get(code) ?? new Map<string, LineBudget>();
    this.#codes.set(code, origins);
    const known = origins.get(origin);
    if (known !== undefined) return known;
    if (origins.size >= MAX_ORIGINS) this.#forgetQuiet(code, origins);
    return origins.size < MAX_ORIGINS ? this.#add(origins, origin) : this.#sharedBy(code);
  }

  /** Those that have been quiet for so long that a new bucket would be no fuller. What they left out is still told. */
  #forgetQuiet(code: LineCode, origins: Map<string, LineBudget>): void {
    for (const [origin, budget] of origins) {
      if (!budget.isFull) continue;
      origins.delete(origin);
      const suppressed = budget.takeSuppressed();
      if (suppressed > 0) this.#sharedBy(code).addSuppressed(suppressed);
    }
  }

  #sharedBy(code: LineCode): LineBudget {
    return this.#shared.get(code) ?? this.#add(this.#shared, code);
  }

  #add<Key>(to: Map<Key, LineBudget>, key: Key): LineBudget {
    const budget = new LineBudget(this.#options);
    to.set(key, budget);
    return budget;
  }
}
