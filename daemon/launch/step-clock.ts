import { launchSteps, type LaunchStep, type LaunchStepTime } from '../machines/launch-step.ts';

/** Says how long each step of one launch took. The steps add up to the time from the begin to the stop. */
export class StepClock {
  readonly #seconds = new Map<LaunchStep, number>();
  readonly #now: () => number;
  #step: LaunchStep = 'receive';
  #since: number;
  #isStopped = false;

  /** @param now milliseconds of a monotonic clock */
  constructor(begin: number, now: () => number = () => performance.now()) {
    this.#since = begin;
    this.#now = now;
  }

  /** The step before ends here. One that is entered again goes on. */
  enter(step: LaunchStep): void {
    if (this.#isStopped) return;
    this.#pass();
    this.#step = step;
  }

  /** QEMU runs, or the launch is refused: the last step ends here. What comes later is not counted. */
  stop(): readonly LaunchStepTime[] {
    if (!this.#isStopped) this.#pass();
    this.#isStopped = true;
    return this.times;
  }

  /** Of the steps that have ended, in the order of {@link launchSteps}. */
  get times(): readonly LaunchStepTime[] {
    return launchSteps.flatMap((step) => {
      const seconds = this.#seconds.get(step);
      return seconds === undefined ? [] : [{ step, seconds }];
    });
  }

  #pass(): void {
    const now = this.#now();
    this.#seconds.set(this.#step, (this.#seconds.get(this.#step) ?? 0) + (now - this.#since) / 1000);
    this.#since = now;
  }
}
