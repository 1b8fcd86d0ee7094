/** One step of the demo, when it is done. */
export interface StepResult {
  readonly name: string;
  /** Wall-clock milliseconds. */
  readonly duration: number;
}

/** Runs the steps of the demo, each with a numbered line that tells how long it took. */
export class Progress {
  readonly steps: StepResult[] = [];
  readonly #total: number;
  readonly #write: (text: string) => void;

  constructor(total: number, write: (text: string) => void) {
    this.#total = total;
    this.#write = write;
  }

  /** @param name what is done, e.g. "Start the pod". */
  async step<T>(name: string, run: () => T | Promise<T>): Promise<T> {
    const number = `${this.steps.length + 1}`.padStart(2);
    this.#write(`[${number}/${this.#total}] ${name} ${'.'.repeat(Math.max(3, 62 - name.length))} `);
    const begin = performance.now();
    try {
      const value = await run();
      const duration = performance.now() - begin;
      this.steps.push({ name, duration });
      this.#write(`${formatSeconds(duration)}\n`);
      return value;
    } catch (error) {
      this.#write('failed\n');
      throw error;
    }
  }
}

/** E.g. `  3.1 s`. */
export function formatSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1).padStart(5)} s`;
}
