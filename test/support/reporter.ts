import Mocha from 'mocha';
import { FileDurations } from './file-durations.ts';
import { skipReason } from './skip.ts';
import { readTimeScale } from './time-scale.ts';

/** This many are told at the end: those where a run that has become too long can be made shorter. */
const SLOW_FILES = 40;

/**
 * Mocha's spec reporter with a closing line for machines: `12 passed, 0 failed`, and `, 3 skipped` where tests were
 * skipped. It is the last line in every case: after failed hooks, and when no test ran. A test that passed only when it
 * was run again (`--retries`) is named before.
 */
class Reporter extends Mocha.reporters.Spec {
  readonly #runner: Mocha.Runner;
  readonly #skipped: Mocha.Test[] = [];
  /** Title and message of tests that are run again. */
  readonly #retried: string[] = [];
  readonly #durations: FileDurations;

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    this.#runner = runner;
    this.#durations = FileDurations.of(runner);
    scaleTimeouts(runner, readTimeScale());
    runner.on(Mocha.Runner.constants.EVENT_TEST_PENDING, (test) => this.#skipped.push(test));
    runner.on(Mocha.Runner.constants.EVENT_TEST_RETRY, (test: Mocha.Test, error: Error) => {
      this.#retried.push([test.fullTitle(), ...listMessages(error)].join(': '));
    });
  }

  /** Mocha calls this after the epilogue and the global teardown; `failures` counts an empty run as one. */
  override done(failures: number, end?: (failures: number) => void): void {
    for (const line of this.#durations.slowest(SLOW_FILES)) console.log(`  slow: ${line}`);
    for (const test of this.#skipped) {
      console.log(`  skipped: ${test.fullTitle()}: ${skipReason(test) ?? 'no reason given'}`);
    }
    for (const each of this.#retried) console.log(`  failed and was run again: ${each}`);
    if (this.#runner.total === 0) console.log('  No test ran.');
    const { passes, failures: failed } = this.stats;
    const skipped = this.#skipped.length > 0 ? `, ${this.#skipped.length} skipped` : '';
    console.log(`${passes} passed, ${Math.max(failed, failures)} failed${skipped}`);
    end?.(failures);
  }
}

/** The first line of what an error says, and of what each of its causes does. */
function listMessages(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  return [error.message.split('\n', 1)[0] ?? '', ...listMessages(error.cause)];
}

/** Here, since reporters are all that sees every test and hook before it runs. */
function scaleTimeouts(runner: Mocha.Runner, scale: number): void {
  const seen = new WeakSet<Mocha.Runnable>();
  const stretch = (runnable: Mocha.Runnable): void => {
    if (scale !== 1 && !seen.has(runnable)) runnable.timeout(runnable.timeout() * scale);
    seen.add(runnable); // hooks come again
  };
  runner.on(Mocha.Runner.constants.EVENT_TEST_BEGIN, stretch);
  runner.on(Mocha.Runner.constants.EVENT_HOOK_BEGIN, stretch);
}

// Mocha loads reporters with require(), and takes the module itself for the class: this is how an ES module offers it.
export { Reporter, Reporter as 'module.exports' };
