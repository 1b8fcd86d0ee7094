import Mocha from 'mocha';
import { relative } from 'node:path';

/** How long the test files of a run took, with their hooks. */
export class FileDurations {
  /** In milliseconds. */
  readonly #spent = new Map<string, number>();

  static of(runner: Mocha.Runner): FileDurations {
    const durations = new FileDurations();
    let begin = performance.now();
    const isOfFile = (suite: Mocha.Suite): boolean => suite.parent?.root === true;
    runner.on(Mocha.Runner.constants.EVENT_SUITE_BEGIN, (suite) => {
      if (isOfFile(suite)) begin = performance.now();
    });
    runner.on(Mocha.Runner.constants.EVENT_SUITE_END, (suite) => {
      if (isOfFile(suite)) durations.#add(suite.file ?? suite.title, performance.now() - begin);
    });
    return durations;
  }

  /** Of `count` files, the slowest first: `12 s test/e2e/life.test.ts`. Those below a second are left out. */
  slowest(count: number): readonly string[] {
    return [...this.#spent]
      .filter(([, spent]) => spent >= 1000)
      .sort(([, one], [, other]) => other - one)
      .slice(0, count)
      .map(([file, spent]) => `${Math.round(spent / 1000)} s ${relative(process.cwd(), file)}`);
  }

  #add(file: string, spent: number): void {
    this.#spent.set(file, (this.#spent.get(file) ?? 0) + spent);
  }
}
