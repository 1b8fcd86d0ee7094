import Mocha from 'mocha';
import { writeFileSync } from 'node:fs';
import { Reporter } from '../support/reporter.ts';

/** What came of one run of mocha. */
export interface TestOutcome {
  readonly passed: number;
  /** Full titles of tests that failed. */
  readonly failed: readonly string[];
  /** Of hooks, which are no tests: what they fail for may have nothing to do with what is tested. */
  readonly brokenHooks: readonly string[];
}

/** The project's reporter, which also writes the outcome as JSON into the file of `--reporter-option output=FILE`. */
class OutcomeReporter extends Reporter {
  readonly #output: string;

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    this.#output = (
      options as { readonly reporterOption: { readonly output: string } }
    ).reporterOption.output;
  }

  /** Only reached when mocha ran to its end: a run that crashed leaves no file. */
  override done(failures: number, end?: (failures: number) => void): void {
    const runnables: readonly Mocha.Runnable[] = this.failures;
    const isHook = (each: Mocha.Runnable): boolean => each instanceof Mocha.Hook;
    const outcome: TestOutcome = {
      passed: this.stats.passes,
      failed: runnables.filter((each) => !isHook(each)).map((each) => each.fullTitle()),
      brokenHooks: runnables.filter(isHook).map((each) => each.fullTitle()),
    };
    writeFileSync(this.#output, JSON.stringify(outcome));
    super.done(failures, end);
  }
}

// As in test/support/reporter.ts.
export { OutcomeReporter, OutcomeReporter as 'module.exports' };
