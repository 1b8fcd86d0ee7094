/** Delays between attempts, in milliseconds. */
export interface JitterRange {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * How long to wait before the next attempt: anything up to a bound that doubles from `firstMs` to `longestMs`, so that
 * the nodes of a cluster do not all come back to its API server at the same moment.
 *
 * @param failures attempts that failed in a row before, from 1
 * @param random gives a number from 0 to 1, as `Math.random` does
 */
export function fullJitterMs(failures: number, range: JitterRange, random: () => number): number {
  const bound = Math.min(range.longestMs, range.firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(bound * random());
}
