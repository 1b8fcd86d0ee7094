export interface FairQueueOptions {
  /** Actions that run at once, of all keys. */
  readonly total: number;
  /** Of one key. */
  readonly perKey: number;
}

interface Line {
  running: number;
  readonly waiting: (() => void)[];
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

  async run<Result>(key: string, action: () => Promise<Result>): Promise<Result> {
    await this.#enter(key);
    try {
      return await action();
    } finally {
      this.#leave(key);
    }
  }

  #enter(key: string): Promise<void> {
    const line = this.#lines.get(key) ?? { running: 0, waiting: [] };
    this.#lines.set(key, line);
    return new Promise((resolve) => {
      line.waiting.push(resolve);
      this.#startNext();
    });
  }

  #leave(key: string): void {
    this.#running--;
    const line = this.#lines.get(key);
    if (line !== undefined) {
      line.running--;
      this.#lines.delete(key);
      if (line.running > 0 || line.waiting.length > 0) this.#lines.set(key, line);
    }
    this.#startNext();
  }

  #startNext(): void {
    const { total, perKey } = this.#options;
    for (const [key, line] of [...this.#lines]) {
      if (this.#running >= total) return;
      const start = line.running < perKey ? line.waiting.shift() : undefined;
      if (start === undefined) continue;
      line.running++;
      this.#running++;
      this.#lines.delete(key);
      this.#lines.set(key, line);
      start();
    }
  }
}
