/** A stack of things to undo. Run in reverse, every one of them, whatever the others do. */
export class Cleanups {
  readonly #steps: { readonly what: string; readonly undo: () => Promise<void> | void }[] = [];

  /** @param what the action for the error message, as in "Cannot …": "remove the sandbox". */
  defer(what: string, undo: () => Promise<void> | void): void {
    this.#steps.push({ what, undo });
  }

  /**
   * Undoes everything, last thing first; a second call finds nothing to do.
   *
   * @throws AggregateError with the error of every step that failed.
   */
  async run(): Promise<void> {
    const errors: Error[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        errors.push(new Error(`Cannot ${step.what}: ${describe(error)}`, { cause: error }));
      }
    }
    if (errors.length > 0) {
      throw new AggregateError(errors, errors.map(({ message }) => message).join('\n'));
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
