const FIRST_MS = 100;
const LONGEST_MS = 5_000;

/**
 * How long to wait before the next attempt: doubling from 100 ms to 5 s, between half and all of that, so that the
 * clients of one daemon do not come back at the same moment.
 *
 * @param failures attempts that failed in a row before, from 0
 * @param random gives a number from 0 to 1, as `Math.random` does
 */
export function backoffMs(failures: number, random: () => number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures);
  return (ceiling / 2) * (1 + random());
}
