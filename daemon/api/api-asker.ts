import type { Asker, WaitLimits } from '../fair-queue.ts';

/**
 * A launch waits for as long as its stub does, and of one caller there are only so many at once. Of an API user there may be
 * any number of questions: ten checks of a secret at once, which read two files each, is more than anybody needs.
 */
const LIMITS: WaitLimits = { perAsker: 20, longestWaitMs: 10_000 };

/** On whose behalf a question of the API is answered: one user's delay only that user's, and no launch. */
export function apiAsker(kind: 'api' | 'explain', uid: number, gone: AbortSignal): Asker {
  return { origin: `${kind} ${uid}`, gone, limits: LIMITS };
}
