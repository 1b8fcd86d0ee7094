import type { RunStatusChecks, StatusCheck } from './status-check.ts';

export interface CachedChecksOptions {
  readonly run: RunStatusChecks;
  /** What was found is told again for so long. */
  readonly freshMs: number;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** Checks that are run once for however many people look, and not over and over. */
export class CachedChecks {
  readonly #options: CachedChecksOptions;
  #last: Promise<readonly StatusCheck[]> | null = null;
  #since = 0;

  constructor(options: CachedChecksOptions) {
    this.#options = options;
  }

  /** Never rejects: that they could not be run is a finding, too. */
  get(): Promise<readonly StatusCheck[]> {
    const { run, freshMs, now } = this.#options;
    if (this.#last === null || now() - this.#since >= freshMs) {
      this.#since = now();
      this.#last = Promise.resolve()
        .then(run)
        .catch((error: unknown) => [couldNotRun(error)]);
    }
    return this.#last;
  }
}

function couldNotRun(error: unknown): StatusCheck {
  return {
    title: 'Checks',
    verdict: 'failure',
    detail: `Cannot look at the node: ${error instanceof Error ? error.message : String(error)}`,
    remedy: 'see the log of the node driver',
  };
}
