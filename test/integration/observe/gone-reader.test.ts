import { expect } from 'chai';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../../../daemon/errors.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { installNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { isRunning } from '../../support/processes.ts';
import { runCommand } from '../../support/run-command.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

describe('a daemon whose standard error has lost its reader', function () {
  this.timeout(120_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;
  let path: string;

  before(async () => {
    scratch = Scratch.open('test');
    path = join(scratch.directory, 'reader-gone');
    await runCommand('mkfifo', [path]);
    pod = await startSandbox(scratch, { vmUuid: 'gone', vmName: 'gone', mounts: [fakeEmulatorMount] });
    driver = await installNodeDriver(scratch, {
      settings: { emulator: fakeEmulator },
      run: ([program = '', ...args]) =>
        scratch.startBackground(program, args, path, { stdout: driver.auditPath }),
    });
    scratch.defer('end the daemon', () => driver.end());
  });
  after(() => scratch.close());

  const openReader = (): number => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const read = (fd: number): string => {
    const buffer = Buffer.alloc(64 * 1024);
    try {
      return buffer.toString('utf8', 0, readSync(fd, buffer));
    } catch (error) {
      if (hasCode(error, 'EAGAIN')) return '';
      throw error;
    }
  };
  const ask = async (): Promise<number> => {
    const { status } = await driver.run(['log-level', 'debug', '--socket', driver.apiSocket]);
    return status;
  };

  it('goes on, and tells the next reader what was lost', async () => {
    const first = openReader();
    await driver.start();
    const { pid } = driver.process;
    closeSync(first);
    // Each call is a line that nobody can have.
    for (let i = 0; i < 3; i++) expect(await ask()).to.equal(0);
    const launched = launchFake(driver, pod, { args: ['exit=7'] });
    expect((await launched.ended).status).to.equal(7);
    expect((await fetch(`http://127.0.0.1:${driver.httpPort}/healthz`)).status).to.equal(200);
    expect(driver.process.pid).to.equal(pid);
    expect(isRunning(driver.process)).to.equal(true);

    const second = openReader();
    try {
      expect(await ask()).to.equal(0);
      let text = '';
      const lost = await waitUntil(
        'it tells what was lost',
        () => {
          text += read(second);
          return /Lines of the log were lost: .* lost=(\d+)\n/.exec(text)?.[1];
        },
        5000,
      );
      expect(Number(lost)).to.be.at.least(4);
      process.kill(pid, 'SIGTERM');
      await waitUntil('it has ended', () => (isRunning(driver.process) ? undefined : true), 20_000);
    } finally {
      closeSync(second);
    }
  });
});
