import { expect } from 'chai';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../../../daemon/errors.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { installNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { isRunning } from '../../support/processes.ts';
import { runCommand } from '../../support/run-command.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

describe('a daemon whose standard output and error nobody reads', function () {
  this.timeout(120_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;
  let fifo: number;

  before(async () => {
    scratch = Scratch.open('test');
    const path = join(scratch.directory, 'nobody-reads');
    await runCommand('mkfifo', [path]);
    fifo = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    scratch.defer('close the FIFO', () => closeSync(fifo));
    fill(fifo);
    pod = await startSandbox(scratch, { vmUuid: 'unread', vmName: 'unread', mounts: [fakeEmulatorMount] });
    driver = await installNodeDriver(scratch, {
      settings: { emulator: fakeEmulator, 'audit-stdout': 'yes', 'log-level': 'debug' },
      run: ([program = '', ...args]) => scratch.startBackground(program, args, path, { stdout: path }),
    });
    scratch.defer('end the daemon', () => driver.end());
  });
  after(() => scratch.close());

  /** Until there is no room for another byte. */
  const fill = (fd: number): void => {
    for (let size = 4096; size > 0;)
      try {
        writeSync(fd, Buffer.alloc(size));
      } catch (error) {
        if (!hasCode(error, 'EAGAIN')) throw error;
        size = Math.floor(size / 2);
      }
  };
  const launch = async (): Promise<string> => {
    const started = launchFake(driver, pod, { args: ['exit=7'] });
    const { status } = await started.ended;
    return `${status ?? 'signal'} ${started.stderr}`;
  };

  it('starts, launches and answers, also with a broker that was started again', async () => {
    await driver.start();
    expect(await launch()).to.equal('7 ');
    const broker = driver.broker;
    process.kill(broker.pid, 'SIGKILL');
    await waitUntil('there is another broker', () => (isRunning(broker) ? undefined : true), 5000);
    expect(await launch()).to.equal('7 ');
    expect((await fetch(`http://127.0.0.1:${driver.httpPort}/healthz`)).status).to.equal(200);
  });

  it('ends when it is told to', async () => {
    process.kill(driver.process.pid, 'SIGTERM');
    await waitUntil('it has ended', () => (isRunning(driver.process) ? undefined : true), 20_000);
  });
});
