import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeEmulator, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { readProcess, signalProcess } from '../support/processes.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import type { Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { skip } from '../support/skip.ts';
import { expectNothingLeft, startFakePod, startSupervisedVm } from '../support/supervised-vm.ts';
import { waitUntil } from '../support/wait-until.ts';

const hostileExec = join(import.meta.dirname, '../fixtures/build/hostile-exec');
const CORE_UNLIMITED = 'limit=4:unlimited';

describe('a VM whose stub has a hostile caller', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
    pod = await startFakePod(scratch);
  });
  after(() => scratch.close());

  const through = (...conditions: readonly string[]): readonly string[] => [hostileExec, ...conditions, '--'];

  for (let closed = 1; closed < 8; closed++) {
    const numbers = [0, 1, 2].filter((fd) => (closed & (1 << fd)) !== 0);
    it(`starts and ends as ever without the fds ${numbers.join(', ')}`, async () => {
      const launch = launchFake(driver, pod, {
        args: ['exit=42'],
        through: through(...numbers.map((fd) => `close=${fd}`)),
      });
      expect(await launch.ended, launch.stderr).to.deep.equal({ status: 42, signal: null });
      expect(launch.stderr).to.equal('');
      if (!numbers.includes(1))
        expect(launch.facts('fd').map((each) => each.split(' ')[0])).to.deep.equal(['0', '1', '2']);
    });
  }

  for (const [what, conditions] of [
    ['all signals blocked', ['block=all']],
    ['all signals ignored', ['ignore=all']],
    ['SIGALRM pending', ['pending=14']],
    ['umask 0777', ['umask=777']],
    ['nice 19', ['nice=19']],
    ['a personality without address randomisation', ['personality=0x0040000']],
    ['FSIZE 0', ['limit=1:0']],
    ['CPU 1 s', ['limit=0:1']],
    ['NOFILE 16', ['limit=7:16']],
  ] as const)
    it(`starts and ends as ever with ${what}`, async () => {
      const launch = launchFake(driver, pod, { args: ['exit=42'], through: through(...conditions) });
      expect(await launch.ended, launch.stderr).to.deep.equal({ status: 42, signal: null });
    });

  for (const [what, limit] of [
    ['NOFILE 5', '7:5'],
    ['STACK 16 KiB', '3:16384'],
    ['AS 1 MiB', '9:1048576'],
    ['NPROC 0', '6:0'],
  ] as const)
    it(`starts or is refused in one line with ${what}, and leaves nothing`, async () => {
      const launch = launchFake(driver, pod, { args: ['exit=42'], through: through(`limit=${limit}`) });
      const { status, signal } = await launch.ended;
      // QEMU has the limit as well, and may die of it.
      if (signal !== null) expect(signal).to.be.oneOf(['SIGSEGV', 'SIGKILL']);
      else expect(status, launch.stderr).to.be.oneOf([42, 125]);
      if (status === 125) expect(launch.stderr).to.match(/^qemu-kube: Cannot [^\n]+\n$/);
      await expectNothingLeft(driver, pod);
    });

  it('obeys the signals that it forwards where its caller had all of them ignored and blocked', async () => {
    const { launch } = await startSupervisedVm(driver, pod, {
      args: ['wait'],
      through: through('ignore=all', 'block=all'),
    });
    launch.stub.kill('SIGHUP');
    await launch.waitForLine('signal 01');
    launch.stub.kill('SIGTERM');
    const { status, signal } = await launch.ended;
    expect({ status, signal }).to.deep.equal({ status: null, signal: 'SIGTERM' });
  });

  it('a stub that is stopped for a while starts its VM all the same', async () => {
    const launch = launchFake(driver, pod, { args: ['exit=42'] });
    for (let stop = 0; stop < 10; stop++) {
      launch.stub.kill('SIGSTOP');
      await sleep(20);
      launch.stub.kill('SIGCONT');
      await sleep(2);
    }
    expect(await launch.ended, launch.stderr).to.deep.equal({ status: 42, signal: null });
  });

  it('a stub that is stopped for good is given up, and leaves nothing', async () => {
    signalProcess(driver.process, 'SIGSTOP');
    const launch = launchFake(driver, pod, { args: ['wait'] });
    try {
      // It has asked: nothing but the answer is left to wait for.
      const asks = (): true | undefined =>
        readlinkSync(`/proc/${launch.pid}/exe`) === driver.emulator && readProcess(launch.pid)?.state === 'S'
          ? true
          : undefined;
      await waitUntil('the stub waits for the daemon', asks, 5000);
      launch.stub.kill('SIGSTOP');
    } finally {
      signalProcess(driver.process, 'SIGCONT');
    }
    await sleep(9000);
    await expectNothingLeft(driver, pod, 10_000);
    launch.stub.kill('SIGCONT');
    expect((await launch.ended).status).to.equal(125);
  });

  it('leaves no core, whatever its limit, where others would', async function () {
    const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim();
    if (pattern.startsWith('|') || pattern.startsWith('/')) skip(this, `core files go to "${pattern}"`);
    const { uid, gid } = findQemuAccount();
    // The stub's on the host, where secrets are searched for; QEMU has one of the same name in the pod.
    const directory = join(scratch.directory, 'cores');
    for (const path of [directory, join(pod.rootfs, directory)]) {
      mkdirSync(path, { mode: 0o755, recursive: true }); // also when it is run again
      chownSync(path, uid, gid);
    }
    const cores = (): readonly string[] => readdirSync(directory);
    const control = `exec ${hostileExec} ${CORE_UNLIMITED} -- /bin/sh -c 'kill -SEGV $$'`;
    try {
      execFileSync('setpriv', [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', 'sh', '-c', control], {
        cwd: directory,
        stdio: 'ignore',
      });
    } catch {
      // By the signal.
    }
    if (cores().length === 0) skip(this, 'this machine writes no core files');
    const before = cores();
    for (const signal of ['SIGSEGV', 'SIGABRT'] as const) {
      const { launch } = await startSupervisedVm(driver, pod, {
        args: ['wait'],
        directory,
        through: through(CORE_UNLIMITED),
      });
      launch.stub.kill(signal);
      await launch.ended;
      await expectNothingLeft(driver, pod);
    }
    expect(cores()).to.deep.equal(before);
  });
});
