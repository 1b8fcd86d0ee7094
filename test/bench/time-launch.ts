import { join } from 'node:path';
import { launchFake, type FakeLaunchTarget } from '../support/fake-launch.ts';
import type { NodeDriver } from '../support/node-driver.ts';
import type { SandboxMount } from '../support/sandbox-spec.ts';

/** Says the time, and executes its arguments if it has any. */
export const sayTime: string = join(import.meta.dirname, '../fixtures/build/say-time');

/** The same, to start the stub through. */
export const timeCaller: string = join(import.meta.dirname, '../fixtures/build/time-caller');

/** Where the pods of a benchmark have it, as an emulator that ends at once. */
export const timedEmulator = '/opt/say-time';
export const timedEmulatorMount: SandboxMount = {
  source: sayTime,
  destination: timedEmulator,
  readOnly: true,
};

/** Milliseconds between two times that were said. */
export function betweenTimes(output: string): number {
  const [begin = NaN, end = NaN] = [...output.matchAll(/time (\d+)/g)].map(([, time]) => Number(time));
  return (end - begin) / 1e6;
}

/**
 * Milliseconds from the exec of the stub to the first instruction of the emulator.
 *
 * @param failures gets what the stub says of a launch that comes to nothing; how long that took counts all the same
 */
export async function timeLaunch(
  driver: NodeDriver,
  vm: FakeLaunchTarget,
  failures: string[],
): Promise<number> {
  const begin = performance.now();
  const launched = launchFake(driver, vm, { through: [timeCaller] });
  const { status } = await launched.ended;
  if (status === 0) return betweenTimes(launched.report.join('\n'));
  failures.push(`${status ?? 'a signal'}: ${launched.stderr.trim()}`);
  return performance.now() - begin;
}
