import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isUnified } from '../../../daemon/host/host-cgroups.ts';
import { viewHost } from '../../../daemon/host/host-view.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver } from '../../support/node-driver.ts';
import { endProcess } from '../../support/processes.ts';
import { startSandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { skip } from '../../support/skip.ts';
import { waitUntil } from '../../support/wait-until.ts';

describe('shim and QEMU on cgroup v2', function () {
  this.timeout(30_000);

  it('are born where they belong: nobody moves, which would wait for the kernel', async function () {
    const unified = viewHost('/proc').hierarchies.find(isUnified)?.mountPoint;
    if (unified === undefined) return skip(this, 'no cgroup v2 is mounted here');
    const scratch = Scratch.open('test');
    try {
      const pod = await startSandbox(scratch, {
        vmUuid: 'born',
        vmName: 'born',
        mounts: [fakeEmulatorMount],
      });
      const driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
      const trace = join(scratch.directory, 'trace');
      const calls = 'trace=clone3,?open,openat,write';
      const options = ['-f', '-y', '-e', calls, '-o', trace, '-p', String(driver.broker.pid)];
      const tracer = await scratch.startBackground('strace', options, join(scratch.directory, 'strace.log'));
      await waitUntil(
        'it is traced',
        () =>
          /^TracerPid:\t[1-9]/m.test(readFileSync(`/proc/${driver.broker.pid}/status`, 'latin1')) ||
          undefined,
        5000,
      );
      const launch = launchFake(driver, pod, { args: ['exit=0'] });
      expect((await launch.ended).status, launch.stderr).to.equal(0);
      await endProcess(tracer, 5000);

      const lines = readFileSync(trace, 'utf8').split('\n');
      const births = lines.filter((line) => line.includes('CLONE_INTO_CGROUP') && /= [1-9]\d*$/.test(line));
      // The shim from the broker, QEMU from the shim.
      expect(births).to.have.lengthOf(2);
      const moves = lines.filter((line) => line.includes('write(') && line.includes(`<${unified}/`));
      expect(moves).to.deep.equal([]);
    } finally {
      await scratch.close();
    }
  });
});
