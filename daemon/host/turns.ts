const SLICE_MS = 1;

/** Work that is done in slices. */
export interface Slices {
  /** Whether the slice is used up: then `await next()` before more is done. */
  readonly isOver: boolean;
  next(): Promise<void>;
}

/**
 * Shares the event loop out among all who have long work to do: in each turn of the loop one of them goes on, for a
 * millisecond. However much there is, what else the daemon does waits for no more than one slice.
 */
export class Turns {
  readonly #sliceMs: number;
  readonly #waiting: (() => void)[] = [];
  #isScheduled = false;

  constructor(sliceMs = SLICE_MS) {
    this.#sliceMs = sliceMs;
  }

  begin(): Slices {
    const sliceMs = this.#sliceMs;
    let until = performance.now() + sliceMs;
    const wait = (): Promise<void> => this.#wait();
    return {
      get isOver(): boolean {
        return performance.now() >= until;
      },
      async next(): Promise<void> {
        await wait();
        until = performance.now() + sliceMs;
      },
    };
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#waiting.shift()?.();
      this.#schedule();
    });
  }
}
