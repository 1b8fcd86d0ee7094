import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { NotifySocket } from '../../support/notify-socket.ts';
import { readProcess, signalProcess, stopProcess } from '../../support/processes.ts';
import { startSandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

const main = join(import.meta.dirname, '../../../daemon/main.ts');

/** Of one process: what a service manager would have given it. */
function reportingVariables(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/environ`, 'utf8')
    .split('\0')
    .filter((entry) => /^(?:NOTIFY|WATCHDOG)_/u.test(entry));
}

describe('a daemon that a service manager has started', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  beforeEach(() => {
    scratch = Scratch.open('test');
  });
  afterEach(() => scratch.close());

  /** WATCHDOG_PID is the pid of the daemon, which is the shell's. */
  const start = (
    address: string,
    options: { readonly watchdog?: string; readonly watchdogPid?: string } = {},
  ): Promise<NodeDriver> => {
    const { watchdog = '', watchdogPid = '$$' } = options;
    return startNodeDriver(scratch, {
      settings: { emulator: fakeEmulator },
      run: (command, log) => {
        const script = `export WATCHDOG_PID=${watchdogPid}; exec "$@"`;
        return scratch.startBackground('sh', ['-c', script, 'sh', ...command], log, {
          environment: { NOTIFY_SOCKET: address, WATCHDOG_USEC: watchdog },
        });
      },
    });
  };
  const openSocket = (): Promise<NotifySocket> =>
    NotifySocket.open(scratch, join(scratch.runDirectory, 'notify'));

  it('says when it serves, what it serves, when it reads anew and when it stops', async () => {
    const socket = await openSocket();
    const driver = await start(socket.address);
    const ready = await socket.waitFor('READY=1');
    expect(ready).to.deep.equal({
      pid: driver.process.pid,
      lines: ['READY=1', 'STATUS=Serving; VMs here: 0'],
    });
    expect(socket.all[0]).to.deep.equal({ pid: driver.process.pid, lines: ['STATUS=Starting'] });

    const vm = { vmUuid: 'notify', vmName: 'notify' };
    const sandbox = await startSandbox(scratch, { ...vm, mounts: [fakeEmulatorMount] });
    const launch = launchFake(driver, sandbox, { args: ['wait'] });
    await launch.waitForLine('ready');
    await socket.waitFor('STATUS=Serving; VMs here: 1');
    launch.stub.kill('SIGTERM');
    await launch.ended;
    const told = socket.all.length;
    await socket.waitFor('STATUS=Serving; VMs here: 0', told - 1);

    signalProcess(driver.process, 'SIGHUP');
    const reloading = await socket.waitFor('RELOADING=1');
    const time = /^MONOTONIC_USEC=(\d+)$/u.exec(reloading.lines[1] ?? '')?.[1];
    expect(Number(time)).to.be.closeTo(Number(process.hrtime.bigint() / 1000n), 20e6);
    const from = socket.all.findIndex(({ lines }) => lines.includes('RELOADING=1'));
    await socket.waitFor('READY=1', from);

    await driver.end();
    expect(socket.all.at(-1)?.lines).to.deep.equal(['STOPPING=1', 'STATUS=Stopping; VMs go on']);
    expect(new Set(socket.all.map(({ pid }) => pid))).to.deep.equal(new Set([driver.process.pid]));
    expect(socket.all.flatMap(({ lines }) => lines)).to.not.include('WATCHDOG=1');
  });

  it('says that it is alive twice in the time that it is given, and not while it hangs', async () => {
    const socket = await openSocket();
    const driver = await start(socket.address, { watchdog: '1000000' });
    await socket.waitFor('WATCHDOG=1');
    const countPings = (): number => socket.all.filter(({ lines }) => lines.includes('WATCHDOG=1')).length;
    const first = countPings();
    await waitUntil('it says so again', () => (countPings() > first + 2 ? true : undefined), 10_000);
    await stopProcess(driver.process);
    await sleep(200);
    const last = countPings();
    await sleep(2000);
    expect(countPings()).to.equal(last);
    signalProcess(driver.process, 'SIGCONT');
  });

  it('does not say it where the time is for another process', async () => {
    const socket = await openSocket();
    await start(socket.address, { watchdog: '200000', watchdogPid: '1' });
    await socket.waitFor('READY=1');
    await sleep(1000);
    expect(socket.all.flatMap(({ lines }) => lines)).to.not.include('WATCHDOG=1');
  });

  it('keeps the way to the manager from all that it starts', async () => {
    const socket = await openSocket();
    const driver = await start(socket.address, { watchdog: '5000000' });
    const vm = { vmUuid: 'kept', vmName: 'kept' };
    const sandbox = await startSandbox(scratch, { ...vm, mounts: [fakeEmulatorMount] });
    const launch = launchFake(driver, sandbox, { args: ['wait'] });
    await launch.waitForLine('ready');
    const [emulator = 0] = sandbox.processes.filter((pid) => pid !== sandbox.pid);
    const shim = readProcess(emulator)?.parent ?? 0;
    expect(reportingVariables(driver.process.pid)).to.have.lengthOf(3);
    for (const pid of [driver.broker.pid, shim, emulator])
      expect(reportingVariables(pid), readFileSync(`/proc/${pid}/comm`, 'utf8')).to.deep.equal([]);
    launch.stub.kill('SIGTERM');
    await launch.ended;
  });

  it('takes a socket in the abstract namespace, too', async () => {
    const socket = await NotifySocket.open(scratch, `@${scratch.id}/notify`);
    const driver = await start(socket.address);
    expect((await socket.waitFor('READY=1')).pid).to.equal(driver.process.pid);
  });

  for (const { what, address, code } of [
    { what: 'is gone', address: '/run/knd-no-such-socket', code: 'ENOENT' },
    { what: 'is at an address of another kind', address: 'vsock:2:1', code: 'EINVAL' },
  ])
    it(`serves, with one warning, where the manager ${what}`, async () => {
      const driver = await start(address, { watchdog: '500000' });
      await sleep(1000);
      expect(await driver.isReady()).to.equal(true);
      const warnings = driver.log.match(/Cannot tell the service manager of this daemon.*/gu) ?? [];
      expect(warnings).to.have.lengthOf(1);
      expect(warnings[0]).to.include(code);
    });

  it('says why it can not start, and never that it is ready', async () => {
    const socket = await openSocket();
    const driver = await start(socket.address);
    await socket.waitFor('READY=1');
    const from = socket.all.length;
    const second = await scratch.startBackground(
      process.execPath,
      [main, 'serve', '--config', driver.configPath],
      driver.logPath,
      { environment: { NOTIFY_SOCKET: socket.address } },
    );
    await socket.waitFor('STOPPING=1', from);
    const own = socket.all.filter(({ pid }) => pid === second.pid).flatMap(({ lines }) => lines);
    expect(own).to.not.include('READY=1');
    expect(own.at(-1)).to.match(/^STATUS=Failed: Cannot /u);
  });
});
