import { launchFake, type FakeLaunchTarget } from '../support/fake-launch.ts';
import type { NodeDriver } from '../support/node-driver.ts';

/**
 * Milliseconds from the start of a stub to its end, with the emulator's status in it.
 *
 * @param failures gets what the stub says of a launch that comes to nothing; its time counts all the same
 */
export async function timeLaunch(
  driver: NodeDriver,
  vm: FakeLaunchTarget,
  failures: string[],
): Promise<number> {
  const begin = performance.now();
  const launched = launchFake(driver, vm, { args: ['exit=7'] });
  const { status } = await launched.ended;
  const duration = performance.now() - begin;
  if (status !== 7) failures.push(`${status ?? 'a signal'}: ${launched.stderr.trim()}`);
  return duration;
}
