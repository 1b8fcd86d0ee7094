import { expect } from 'chai';
import { once } from 'node:events';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver } from '../../support/node-driver.ts';
import { readProcess } from '../../support/processes.ts';
import { startSandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { readTimeScale } from '../../support/time-scale.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** Of the contract, from the end of QEMU to that of the process that libvirt knows. */
const LIMIT_MS = 100;
const SAMPLES = 25;

describe('the stub of fork mode', function () {
  this.timeout(120_000);
  let scratch: Scratch;

  before(() => {
    scratch = Scratch.open('test');
  });
  after(() => scratch.close());

  it(`ends within ${LIMIT_MS} ms of QEMU, in the median of ${SAMPLES}`, async () => {
    const driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
    const pod = await startSandbox(scratch, { vmUuid: 'end', vmName: 'end', mounts: [fakeEmulatorMount] });
    const times: number[] = [];
    for (let sample = 1; sample <= SAMPLES; sample++) {
      const launch = launchFake(driver, pod, { args: ['wait'] });
      await launch.waitForLine('ready');
      await waitUntil(
        'the daemon knows that the VM runs',
        () => (driver.log.split('Started a VM').length > sample ? true : undefined),
        5000,
        10,
      );
      const qemu = pod.processes.find((pid) => pid !== pod.pid && readProcess(pid) !== undefined);
      if (qemu === undefined) throw new Error('There is no emulator in the pod');
      const gone = once(launch.stub, 'exit');
      const begin = performance.now();
      process.kill(qemu, 'SIGKILL');
      await gone;
      times.push(performance.now() - begin);
      expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
    }
    const median = times.toSorted((a, b) => a - b)[Math.floor(SAMPLES / 2)];
    expect(median, times.map(Math.round).join()).to.be.below(LIMIT_MS * readTimeScale());
  });
});
