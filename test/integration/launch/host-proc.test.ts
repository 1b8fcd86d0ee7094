import { expect } from 'chai';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver } from '../../support/node-driver.ts';
import { runCommand } from '../../support/run-command.ts';
import { startSandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';

describe("proc, the mount point of the node's procfs", function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let elsewhere: string;

  before(() => {
    scratch = Scratch.open('test');
    elsewhere = join(scratch.directory, 'host/proc');
    mkdirSync(elsewhere, { recursive: true });
    scratch.defer('unmount the procfs', () =>
      runCommand('umount', [elsewhere], { allowFailure: true }).then(() => undefined),
    );
  });
  after(() => scratch.close());

  it('is where the daemon looks: without a procfs there it does not start, with one it finds the pod', async () => {
    const vm = { vmUuid: 'host-proc', vmName: 'host-proc' };
    const sandbox = await startSandbox(scratch, { ...vm, mounts: [fakeEmulatorMount] });
    const driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
    await driver.end();
    driver.configure({ emulator: fakeEmulator, proc: elsewhere });
    await driver.start().then(
      () => expect.fail('The daemon started without a procfs'),
      (error: unknown) => expect(String(error)).to.include(elsewhere),
    );

    await runCommand('mount', ['-t', 'proc', 'proc', elsewhere]);
    await driver.start();
    const launch = launchFake(driver, sandbox, { args: ['exit=9'] });
    expect(await launch.ended, launch.stderr).to.deep.equal({ status: 9, signal: null });
    const resolved = await driver.run([
      'resolve',
      '--uuid',
      'host-proc',
      '--json',
      '--socket',
      driver.apiSocket,
    ]);
    expect(resolved.stdout).to.include(String(sandbox.pid));
  });
});
