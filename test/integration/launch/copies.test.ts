import { expect } from 'chai';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { fdOf } from '../../../daemon/host/socket-fd.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { identify, isRunning, listProcesses, signalProcess } from '../../support/processes.ts';
import { runCommand } from '../../support/run-command.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { readTimeScale } from '../../support/time-scale.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** Within this time the process that libvirt knows ends after QEMU. */
const END_MS = 100;

/** The processes beside this one that have something open; `link` as /proc/PID/fd names it. */
function listHolders(link: string): readonly number[] {
  const others = listProcesses().filter(({ pid }) => pid !== process.pid);
  return others
    .map(({ pid }) => pid)
    .filter((pid) => listLinks(pid).includes(link))
    .sort((a, b) => a - b);
}

function listLinks(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // it has ended meanwhile
  }
}

for (const mode of ['fork', 'exec'] as const)
  describe(`what libvirt waits for at the end of QEMU in ${mode} mode`, function () {
    this.timeout(40_000);
    let scratch: Scratch;
    let sandbox: Sandbox;
    let driver: NodeDriver;
    let monitor: Server;
    let log: number;

    before(async () => {
      scratch = Scratch.open('test');
      sandbox = await startSandbox(scratch, {
        vmUuid: 'copies',
        vmName: 'copies',
        mounts: [fakeEmulatorMount],
      });
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator } });
      await runCommand('mkfifo', [join(scratch.directory, 'log')]);
      log = openSync(join(scratch.directory, 'log'), 'r+');
      monitor = createServer();
      await new Promise<void>((resolve) =>
        monitor.listen(join(scratch.runDirectory, 'monitor.sock'), () => resolve()),
      );
    });
    after(async () => {
      monitor.close();
      closeSync(log);
      await scratch.close();
    });

    it("only QEMU has the log's pipe and the monitor's socket, and nobody once it has ended", async () => {
      const fds = [log, fdOf(monitor)];
      const links = fds.map((fd) => readlinkSync(`/proc/self/fd/${fd}`));
      expect(links[1]).to.match(/^socket:\[\d+\]$/);
      const launch = launchFake(driver, sandbox, { args: ['wait'], fds });
      await launch.waitForLine('ready');
      const [emulator = 0] = sandbox.processes.filter((pid) => pid !== sandbox.pid);
      const isAlone = (): boolean => links.every((link) => listHolders(link).join() === String(emulator));
      await waitUntil('QEMU alone has them', () => (isAlone() ? true : undefined), 2000);
      launch.stub.kill('SIGTERM');
      await launch.ended;
      for (const link of links) expect(listHolders(link), link).to.deep.equal([]);
    });

    for (const signal of ['SIGTERM', 'SIGKILL'] as const)
      it(`the process that it knows is gone at once after an emulator that ${signal} ended`, async () => {
        const launch = launchFake(driver, sandbox, { args: ['wait'] });
        await launch.waitForLine('ready');
        const stub = identify(launch.pid);
        const [pid = 0] = sandbox.processes.filter((each) => each !== sandbox.pid);
        const emulator = identify(pid);
        signalProcess(emulator, signal);
        const begin = performance.now();
        await waitUntil('the stub is gone', () => (isRunning(stub) ? undefined : true), 5000, 1);
        expect(performance.now() - begin).to.be.lessThan(END_MS * readTimeScale());
        expect(await launch.ended).to.deep.equal({ status: null, signal });
        // Nobody waits for it: a zombie would keep its pid, and the pod's cgroup.
        await waitUntil(
          'it is reaped',
          () => (listProcesses().some((each) => each.pid === pid) ? undefined : true),
          2000,
        );
      });
  });
