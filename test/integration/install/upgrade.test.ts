import { expect } from 'chai';
import { copyFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { fakeEmulator, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver } from '../../support/node-driver.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { runNodeDriver } from '../../support/run-command-line.ts';
import { Scratch } from '../../support/scratch.ts';
import { expectNothingLeft, startFakePod, startSupervisedVm } from '../../support/supervised-vm.ts';

const name = 'qemu-system-x86_64';
const { gid } = findQemuAccount();

for (const mode of ['fork', 'exec'] as const)
  describe(`node-driver install while VMs of ${mode} mode run`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    beforeEach(() => {
      scratch = Scratch.open('test');
    });
    afterEach(() => scratch.close());

    it('lets them go on with the old stub, and starts the next one with the new; so does uninstall --force', async () => {
      const driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator } });
      const pod = await startFakePod(scratch);
      const target = join(driver.emulator, '../..');
      const other = join(scratch.directory, 'other');
      copyFileSync(join(scratch.directory, 'stub', driver.stubName), other);
      // What follows the last section is no part of the program.
      writeFileSync(other, 'of another release', { flag: 'a' });
      const place = ['--target', target, '--emulator', name];
      const start = async (): Promise<ReturnType<typeof launchFake>> => {
        if (mode === 'fork') return (await startSupervisedVm(driver, pod)).launch;
        const launch = launchFake(driver, pod, { args: ['wait'] });
        await launch.waitForLine('ready');
        return launch;
      };
      const end = async (launch: ReturnType<typeof launchFake>): Promise<void> => {
        launch.stub.kill('SIGTERM');
        expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
        await expectNothingLeft(driver, pod);
      };

      const first = await start();
      // In fork mode the stub runs on: to write to its file would fail.
      if (mode === 'fork')
        expect(() => writeFileSync(driver.emulator, '', { flag: 'r+' })).to.throw('ETXTBSY');
      const args = [...place, '--program', other, '--setuid', '--group', String(gid)];
      const installed = await runNodeDriver(
        'install',
        ...args,
        ...(mode === 'exec' ? ['--mode', 'exec'] : []),
      );
      expect(installed).to.deep.equal({ status: 0, out: `${driver.emulator} was replaced\n`, err: '' });
      if (mode === 'fork')
        expect(readlinkSync(`/proc/${first.pid}/exe`)).to.equal(`${driver.emulator} (deleted)`);
      await end(first);

      const second = await start();
      if (mode === 'fork') {
        expect(readlinkSync(`/proc/${second.pid}/exe`)).to.equal(driver.emulator);
        const refused = await runNodeDriver('uninstall', ...place);
        expect(refused).to.include({ status: 1, out: '' });
        expect(refused.err).to.match(new RegExp(`VMs run by .* \\(process ${second.pid}\\); .*--force`, 'u'));
        expect(
          JSON.parse((await runNodeDriver('uninstall', ...place, '--json')).out),
        ).to.have.nested.property('problem.code', 'running');
      }
      expect(await runNodeDriver('uninstall', ...place, '--force')).to.include({ status: 0 });
      await end(second);
    });
  });
