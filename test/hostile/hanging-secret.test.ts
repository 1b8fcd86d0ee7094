import { expect } from 'chai';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { hangSecret } from '../support/hang-secret.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { listDescendants } from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';

const TRIES = 30;
/** The daemon's own answer; the stub gives up by itself after 20 s, and says something else. */
const answered = /^125 qemu-kube: Cannot read "[^"]+" of the pod/u;

describe('a pod in which the file system of the secret never answers', function () {
  this.timeout(300_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;
  let other: Sandbox;

  before(async function () {
    scratch = Scratch.open('test');
    const mounts = [fakeEmulatorMount];
    pod = await startSandbox(scratch, { vmUuid: 'hanging', vmName: 'hanging', mounts });
    other = await startSandbox(scratch, { vmUuid: 'honest', vmName: 'honest', mounts });
    hangSecret(this, scratch, pod);
    // As many wrong secrets as the test likes.
    const settings = { emulator: fakeEmulator, 'launch-rate': 'off' };
    driver = await startNodeDriver(scratch, { settings });
  });
  after(() => scratch.close());

  const outcomeOf = async (launch: FakeLaunch): Promise<string> => {
    const { status } = await launch.ended;
    return `${status ?? 'signal'} ${launch.stderr}`;
  };
  const tryMany = (): readonly FakeLaunch[] => Array.from({ length: TRIES }, () => launchFake(driver, pod));

  it(`answers ${TRIES} launches at once while their stubs still wait, and starts another VM meanwhile`, async () => {
    const launches = tryMany();
    expect(await outcomeOf(launchFake(driver, other, { args: ['exit=7'] }))).to.equal('7 ');
    for (const outcome of await Promise.all(launches.map(outcomeOf))) expect(outcome).to.match(answered);
  });

  it('reads nothing any more for stubs that have gone', async () => {
    const launches = tryMany();
    await waitUntil(
      'it is being read',
      () => (listDescendants(driver.broker).length > 0 ? true : undefined),
      10_000,
    );
    for (const { stub } of launches) stub.kill('SIGKILL');
    await Promise.all(launches.map(({ ended }) => ended));
    // Behind all of them.
    expect(await outcomeOf(launchFake(driver, pod))).to.match(answered);
  });
});
