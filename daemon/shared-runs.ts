/** Long work whose result many want: one run serves all who ask before it begins, and runs follow each other. */
export class SharedRuns<Result> {
  readonly #action: () => Promise<Result>;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<Result> | null = null;

  constructor(action: () => Promise<Result>) {
    this.#action = action;
  }

  /** The result of a run that begins after this call. */
  ask(): Promise<Result> {
    return (this.#next ??= this.#plan());
  }

  #plan(): Promise<Result> {
    const run = this.#running.then(() => {
      this.#next = null;
      return this.#action();
    });
    this.#running = run.catch(() => undefined);
    return run;
  }
}
