import type { LaunchStepTime } from './launch-step.ts';

/** Told when a launch has come to its end; says how long its steps took. */
export interface LaunchClock {
  stop(): readonly LaunchStepTime[];
}
