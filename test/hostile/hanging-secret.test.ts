import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { listDescendants } from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { skip } from '../support/skip.ts';
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
    let fuse: number;
    try {
      fuse = openSync('/dev/fuse', 'r+');
    } catch {
      skip(this, 'there is no /dev/fuse');
    }
    // What waits for it comes back when it is closed, at the latest.
    scratch.defer('end the file system', () => closeSync(fuse));
    const options = 'fd=3,rootmode=40000,user_id=0,group_id=0,allow_other';
    const command = ['-t', String(pod.pid), '-m', 'mount', '-i', '-t', 'fuse', '-o', options, 'none'];
    const { status } = spawnSync('nsenter', [...command, '/etc/kubevirt/node-driver'], {
      stdio: ['ignore', 'ignore', 'inherit', fuse],
    });
    if (status !== 0) skip(this, 'FUSE cannot be mounted here');
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
