import { fakeEmulator } from './fake-launch.ts';
import { startNodeDriver, type NodeDriver } from './node-driver.ts';
import type { Sandbox } from './sandbox.ts';
import { Scratch } from './scratch.ts';
import { startFakePod } from './supervised-vm.ts';

/** What the tests of a suite share; there while one of them runs. */
export interface FakePods {
  readonly scratch: Scratch;
  readonly driver: NodeDriver;
  /** Of this test alone. */
  readonly pod: Sandbox;
}

/** To be called in a `describe`: starts a driver of fork mode for all of its tests, and a pod for each. */
export function useFakePods(): FakePods {
  let scratch: Scratch | undefined;
  let driver: NodeDriver | undefined;
  let pod: Sandbox | undefined;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
  });
  after(() => scratch?.close());
  beforeEach(async () => {
    if (scratch !== undefined) pod = await startFakePod(scratch);
  });
  afterEach(() => pod?.remove());

  return {
    get scratch() {
      return required(scratch);
    },
    get driver() {
      return required(driver);
    },
    get pod() {
      return required(pod);
    },
  };
}

function required<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('Ask while a test runs');
  return value;
}
