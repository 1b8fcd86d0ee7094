export interface WaitLimits {
  /** Of one asker that wait for one key; without it, any number may. */
  readonly perAsker?: number;
  /** How long one waits, in milliseconds; without it, until its turn comes. */
  readonly longestWaitMs?: number;
}

export interface FairQueueOptions extends WaitLimits {
  /** Actions that run at once, of all keys. */
  readonly total: number;
  /** Of one key. */
  readonly perKey: number;
}

/** On whose behalf an action runs. */
export interface Asker {
  /** See `launchOrigin`; without it, what it asks is not counted. */
  readonly origin?: string | undefined;
  /** Aborted when nobody wants the answer any more. */
  readonly gone?: AbortSignal | undefined;
  /** Where they are narrower than the line's own. */
  readonly limits?: WaitLimits | undefined;
}

/** The line is too long for who asked. */
export class CrowdedError extends Error {}

interface Waiter {
  readonly origin: string | undefined;
  readonly start: () => void;
}

interface Line {
  running: number;
  /** Who has waited for the longest comes first. */
  readonly waiting: Set<Waiter>;
}

/** Runs a bounded number of actions at once. Those that wait come in turn by key: a key with many delays only itself. */
export class FairQueue {
  readonly #options: FairQueueOptions;
  /** The key whose turn is next comes first. */
  readonly #lines = new Map<string, Line>();
  #running = 0;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  /**
   * @param asker who is gone leaves the line; an action that runs already goes on
   * @throws CrowdedError, or the reason why the asker is gone
   */
  async run<Result>(key: string, action: () => Promise<Result>, asker: Asker = {}): Promise<Result> {
    await this.#enter(key, asker);
    try {
      asker.gone?.throwIfAborted();
      return await action();
    } finally {
      this.#leave(key);
    }
  }

  async #enter(key: string, { origin, gone, limits = {} }: Asker): Promise<void> {
    gone?.throwIfAborted();
    const perAsker = narrower(this.#options.perAsker, limits.perAsker);
    const longestWaitMs = narrower(this.#options.longestWaitMs, limits.longestWaitMs);
    const line = this.#lines.get(key) ?? { running: 0, waiting: new Set() };
    const others = [...line.waiting].filter((each) => each.origin === origin);
    if (origin !== undefined && others.length >= perAsker)
      throw new CrowdedError('Too many of one asker wait for one key');
    this.#lines.set(key, line);
    let stop: (() => void) | undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const waiter: Waiter = { origin, start: resolve };
        const giveUp = (reason: unknown): void => {
          // One whose turn has come is not in the line any more.
          if (!line.waiting.delete(waiter)) return;
          this.#forgetIdle(key, line);
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- whoever aborts has chosen it
          reject(reason);
        };
        line.waiting.add(waiter);
        this.#startNext();
        if (!line.waiting.has(waiter)) return;
        stop = (): void => giveUp(gone?.reason);
        gone?.addEventListener('abort', stop);
        if (longestWaitMs < Infinity)
          timer = setTimeout(() => giveUp(new CrowdedError('Its turn did not come in time')), longestWaitMs);
      });
    } finally {
      clearTimeout(timer);
      if (stop !== undefined) gone?.removeEventListener('abort', stop);
    }
  }

  #leave(key: string): void {
    this.#running--;
    const line = this.#lines.get(key);
    if (line !== undefined) {
      line.running--;
      this.#lines.delete(key);
      this.#lines.set(key, line);
      this.#forgetIdle(key, line);
    }
    this.#startNext();
  }

  #forgetIdle(key: string, { running, waiting }: Line): void {
    if (running === 0 && waiting.size === 0) this.#lines.delete(key);
  }

  #startNext(): void {
    const { total, perKey } = this.#options;
    for (const [key, line] of [...this.#lines]) {
      if (this.#running >= total) return;
      const [next] = line.waiting;
      if (next === undefined || line.running >= perKey) continue;
      line.waiting.delete(next);
      line.running++;
      this.#running++;
      this.#lines.delete(key);
      this.#lines.set(key, line);
      next.start();
    }
  }
}

function narrower(ours = Infinity, theirs = Infinity): number {
  return Math.min(ours, theirs);
}
