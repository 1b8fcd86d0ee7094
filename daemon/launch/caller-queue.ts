import { RoundRobin, type LineKey } from './round-robin.ts';

export interface CallerQueueOptions<Item> {
  /** How many may wait; of those beyond, the ones go that have the most beside them. */
  readonly room: number;
  /** How long callers are served before the event loop may do something else, in milliseconds. */
  readonly sliceMs?: number;
  readonly serve: (item: Item) => void;
  readonly sendAway: (item: Item) => void;
}

const SLICE_MS = 0.5;

/**
 * Callers that nothing has been asked of yet. A thousand may connect at once: whoever comes behind them waits for one of
 * each kind of caller, not for all of them, and what is already under way goes on between.
 */
export class CallerQueue<Item> {
  readonly #options: CallerQueueOptions<Item>;
  readonly #waiting = new RoundRobin<Item>();
  #isScheduled = false;

  constructor(options: CallerQueueOptions<Item>) {
    this.#options = options;
  }

  /** @param key who it is, as far as that is known without effort */
  push(key: LineKey, item: Item): void {
    this.#waiting.push(key, item);
    if (this.#waiting.size > this.#options.room) this.#sendAway(this.#waiting.takeFromLongest());
    this.#schedule();
  }

  /** Sends all of them away. */
  clear(): void {
    while (this.#waiting.size > 0) this.#sendAway(this.#waiting.take());
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#serveSlice();
      this.#schedule();
    });
  }

  #serveSlice(): void {
    const { sliceMs = SLICE_MS, serve } = this.#options;
    const end = performance.now() + sliceMs;
    do {
      const item = this.#waiting.take();
      if (item === undefined) return;
      serve(item);
    } while (performance.now() < end);
  }

  #sendAway(item: Item | undefined): void {
    if (item !== undefined) this.#options.sendAway(item);
  }
}
