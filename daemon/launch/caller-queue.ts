import { Turns, type Slices } from '../host/turns.ts';
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
  readonly #turns: Turns;
  #isServing = false;

  constructor(options: CallerQueueOptions<Item>) {
    this.#options = options;
    this.#turns = new Turns(options.sliceMs ?? SLICE_MS);
  }

  /** @param key who it is, as far as that is known without effort */
  push(key: LineKey, item: Item): void {
    this.#waiting.push(key, item);
    if (this.#waiting.size > this.#options.room) this.#sendAway(this.#waiting.takeFromLongest());
    if (!this.#isServing) void this.#serveAll();
  }

  /** Sends all of them away. */
  clear(): void {
    while (this.#waiting.size > 0) this.#sendAway(this.#waiting.take());
  }

  async #serveAll(): Promise<void> {
    this.#isServing = true;
    const slices = this.#turns.begin();
    while (this.#waiting.size > 0) {
      await slices.next();
      this.#serveSlice(slices);
    }
    this.#isServing = false;
  }

  #serveSlice(slice: Pick<Slices, 'isOver'>): void {
    do {
      const item = this.#waiting.take();
      if (item === undefined) return;
      this.#options.serve(item);
    } while (!slice.isOver);
  }

  #sendAway(item: Item | undefined): void {
    if (item !== undefined) this.#options.sendAway(item);
  }
}
