import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { draftRequest, encodeRequest } from '../../fuzz/encode-request.ts';
import { findCgroup, listCgroupRoots } from '../../support/cgroups.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import {
  identify,
  isRunning,
  listProcesses,
  signalProcess,
  type ProcessIdentity,
} from '../../support/processes.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** What the issue demands for the end of QEMU after stub or pod. */
const FENCE_MS = 5000;

interface Running {
  readonly launch: FakeLaunch;
  readonly emulator: ProcessIdentity;
  readonly shim: ProcessIdentity;
}

/** What the fds of a process lead to, in the order of their numbers. */
function listFds(pid: number): readonly string[] {
  const numbers = readdirSync(`/proc/${pid}/fd`)
    .map(Number)
    .sort((a, b) => a - b);
  return numbers.map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
}

for (const mode of ['fork', 'exec'] as const)
  describe(`the life of a VM in ${mode} mode`, function () {
    this.timeout(40_000);
    let scratch: Scratch;
    let sandbox: Sandbox;
    let driver: NodeDriver;
    let shimCgroup: string | null = null;
    let count = 0;

    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator } });
    });
    after(() => scratch.close());
    beforeEach(async () => {
      const vmUuid = `life-${++count}`;
      sandbox = await startSandbox(scratch, { vmUuid, vmName: vmUuid, mounts: [fakeEmulatorMount] });
    });
    afterEach(() => sandbox.remove());

    /** What the daemon has logged about the VM of this test. */
    const ofThisVm = (message: string): readonly string[] =>
      driver.log.split('\n').filter((line) => line.includes(message) && line.includes(sandbox.vmUuid));
    const start = async (...args: readonly string[]): Promise<Running> => {
      const launch = launchFake(driver, sandbox, { args });
      await launch.waitForLine('ready');
      // The emulator may be faster than the news of it. Until then a signal ends the stub of fork mode, and so the emulator.
      const isKnown = (): boolean =>
        mode === 'exec'
          ? ofThisVm('Started a VM').length > 0
          : !/^SigBlk:\t0+$/m.test(readFileSync(`/proc/${launch.pid}/status`, 'utf8'));
      await waitUntil(
        mode === 'exec' ? 'the daemon knows that the VM runs' : 'the stub is a proxy',
        () => (isKnown() ? true : undefined),
        FENCE_MS,
      );
      const [pid] = sandbox.processes.filter((each) => each !== sandbox.pid);
      if (pid === undefined) throw new Error('There is no emulator in the pod');
      const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      const shim = identify(Number(parent));
      shimCgroup =
        /:(\/kubevirt-node-driver\/.+)$/m.exec(readFileSync(`/proc/${shim.pid}/cgroup`, 'utf8'))?.[1] ?? null;
      return { launch, emulator: identify(pid), shim };
    };
    const waitForEnd = (process: ProcessIdentity): Promise<true> =>
      waitUntil(`process ${process.pid} has ended`, () => (isRunning(process) ? undefined : true), FENCE_MS);
    /** The runtime leaves it while QEMU is in it: then it is ours to remove, which is tried until it works. */
    const podCgroupGone = async (): Promise<void> => {
      await waitUntil(
        "the container's cgroup is gone",
        () => (findCgroup(sandbox.cgroup).length === 0 ? true : undefined),
        FENCE_MS,
      );
    };
    const expectNothingLeft = async (): Promise<void> => {
      await waitUntil(
        'state and cgroups of the shim are removed',
        () =>
          readdirSync(`${driver.runDirectory}/state`).length === 0 &&
          (shimCgroup === null || findCgroup(shimCgroup).length === 0)
            ? true
            : undefined,
        FENCE_MS,
      );
    };

    const replaceBroker = async (): Promise<void> => {
      const broker = listProcesses().find(({ parent }) => parent === driver.process.pid);
      if (broker === undefined) throw new Error('There is no broker');
      const before = driver.log.length;
      signalProcess(broker, 'SIGKILL');
      await waitUntil(
        'the broker is back',
        () => (driver.log.slice(before).includes('is started again') ? true : undefined),
        5000,
      );
    };

    for (const [signal, number] of [
      ['SIGINT', '02'],
      ['SIGHUP', '01'],
      ['SIGQUIT', '03'],
    ] as const)
      it(`${signal} to the stub reaches the emulator once`, async () => {
        const { launch } = await start('wait');
        launch.stub.kill(signal);
        await launch.waitForLine(`signal ${number}`);
        launch.stub.kill('SIGTERM');
        expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
        expect(launch.facts('signal')).to.deep.equal([number]);
        await expectNothingLeft();
      });

    for (const args of ['wait', 'deaf'])
      it(`the end of the pod ends an emulator that does "${args}", and leaves no cgroup`, async () => {
        const { launch, emulator } = await start(args);
        await sandbox.kill('SIGKILL');
        await sandbox.delete();
        await waitForEnd(emulator);
        const { signal } = await launch.ended;
        expect(signal).to.equal(args === 'deaf' ? 'SIGKILL' : 'SIGTERM');
        await podCgroupGone();
        await expectNothingLeft();
      });

    for (const signal of ['SIGTERM', 'SIGKILL'] as const)
      it(`a VM outlives a daemon that ends by ${signal}, and the next one knows it and its end`, async () => {
        const { launch, emulator } = await start('wait');
        await driver.end(signal);
        expect(isRunning(emulator)).to.equal(true);
        await driver.start();
        const listed = await driver.run(['machines', 'list', '--json', '--socket', driver.apiSocket]);
        expect(listed.stdout).to.include(`"${sandbox.vmUuid}"`).and.include(String(emulator.pid));
        launch.stub.kill('SIGTERM');
        await launch.ended;
        await expectNothingLeft();
      });

    it('an end while no daemon runs is known to the next one', async () => {
      const { launch } = await start('wait');
      await driver.end('SIGKILL');
      launch.stub.kill('SIGTERM');
      expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
      await driver.start();
      await expectNothingLeft();
      expect(ofThisVm('A VM ended')).to.have.lengthOf(1);
    });

    it('a broker that is killed is replaced, and VMs do not notice', async () => {
      const { launch, emulator } = await start('wait');
      await replaceBroker();
      expect(isRunning(emulator)).to.equal(true);
      launch.stub.kill('SIGTERM');
      await launch.ended;
      const again = await waitUntil(
        'the VM starts again',
        async () => {
          const next = launchFake(driver, sandbox, { args: ['exit=7'] });
          return (await next.ended).status === 7 ? next : undefined;
        },
        5000,
      );
      expect(again.stderr).to.equal('');
    });

    if (mode === 'fork') {
      it('SIGUSR1 and SIGUSR2 to the stub reach nobody', async () => {
        const { launch } = await start('wait');
        launch.stub.kill('SIGUSR1');
        launch.stub.kill('SIGUSR2');
        launch.stub.kill('SIGHUP');
        await launch.waitForLine('signal 01');
        expect(launch.facts('signal')).to.deep.equal(['01']);
        launch.stub.kill('SIGTERM');
        await launch.ended;
      });

      it('a stub that is killed takes the emulator along', async () => {
        const { launch, emulator, shim } = await start('wait');
        launch.stub.kill('SIGKILL');
        await waitForEnd(emulator);
        await waitForEnd(shim);
        await expectNothingLeft();
        expect(sandbox.processes).to.deep.equal([sandbox.pid]);
      });

      it('a stub that is killed takes along an emulator that is deaf to SIGTERM', async () => {
        const { launch, emulator } = await start('deaf');
        launch.stub.kill('SIGKILL');
        await waitForEnd(emulator);
        await expectNothingLeft();
      });

      it('a stub that is killed takes the emulator along while no daemon runs', async () => {
        const { launch, emulator, shim } = await start('wait');
        await driver.end('SIGKILL');
        launch.stub.kill('SIGKILL');
        await waitForEnd(emulator);
        await waitForEnd(shim);
        await driver.start();
        await expectNothingLeft();
      });

      it('a shim that is killed takes the emulator along, and the stub never says success', async () => {
        const { launch, emulator, shim } = await start('deaf');
        signalProcess(shim, 'SIGKILL');
        await waitForEnd(emulator);
        expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
        await expectNothingLeft();
        const machines = await driver.run(['machines', 'list', '--json', '--socket', driver.apiSocket]);
        expect(machines.stdout).to.include('lost');
      });

      it('a shim that is killed takes the emulator along while no daemon runs', async () => {
        const { launch, emulator, shim } = await start('deaf');
        await driver.end('SIGKILL');
        signalProcess(shim, 'SIGKILL');
        await waitForEnd(emulator);
        expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
        await driver.start();
        await expectNothingLeft();
      });

      it('the shim lives outside of pod and daemon, from sealed memory, with nothing of the daemon open', async () => {
        const { launch, shim, emulator } = await start('wait');
        const cgroups = readFileSync(`/proc/${shim.pid}/cgroup`, 'utf8').trimEnd().split('\n');
        expect(cgroups).to.have.lengthOf(listCgroupRoots().length);
        for (const line of cgroups) expect(line).to.match(/:\/kubevirt-node-driver\/[0-9a-f-]{36}$/);
        expect(readlinkSync(`/proc/${shim.pid}/exe`)).to.match(/^\/memfd:qemu-kube-shim/);
        expect(readlinkSync(`/proc/${shim.pid}/cwd`)).to.equal('/');
        const fds = listFds(shim.pid);
        expect(fds.slice(0, 3)).to.deep.equal(['/dev/null', '/dev/null', '/dev/null']);
        expect(fds.filter((link) => link.includes('log') || link.startsWith('pipe:'))).to.deep.equal([]);
        expect(fds.length).to.be.at.most(12);
        expect(readFileSync(`/proc/${emulator.pid}/environ`, 'latin1')).to.not.include(sandbox.secret);
        launch.stub.kill('SIGTERM');
        await launch.ended;
      });

      it('the stub holds no fd of libvirt once the VM runs', async () => {
        const { launch } = await start('wait');
        const links = await waitUntil(
          'the stub has closed them',
          () => {
            const fds = listFds(launch.pid);
            return fds.length <= 5 ? fds : undefined;
          },
          2000,
        );
        expect(links.slice(0, 3)).to.deep.equal(['/dev/null', '/dev/null', '/dev/null']);
        launch.stub.kill('SIGTERM');
        await launch.ended;
        expect(existsSync(`/proc/${launch.pid}/exe`)).to.equal(false);
      });
    } else {
      it('the process that libvirt knows is the emulator, and nothing of the driver is beside it', async () => {
        const { launch, emulator } = await start('wait');
        expect(emulator.pid).to.equal(launch.pid);
        expect(sandbox.processes).to.have.members([sandbox.pid, launch.pid]);
        const listed = await driver.run(['machines', 'list', '--json', '--socket', driver.apiSocket]);
        expect(listed.stdout).to.match(
          new RegExp(`"mode":"exec".*"stub":{"pid":${launch.pid},.*"qemu":{"pid":${launch.pid},`),
        );
        launch.stub.kill('SIGTERM');
        await launch.ended;
      });

      for (const [args, signal, end] of [
        ['wait', 'SIGTERM', /signal.*15/],
        ['deaf', 'SIGKILL', /signal.*9/],
      ] as const)
        it(`the daemon knows that ${signal} ended an emulator, at once and once`, async () => {
          const { launch } = await start(args);
          launch.stub.kill(signal);
          await launch.ended;
          await expectNothingLeft();
          expect(ofThisVm('A VM ended')).to.have.lengthOf(1);
          expect(ofThisVm('A VM ended').join()).to.match(end);
        });

      it('an emulator whose pod ends while no daemon runs is ended by the next one', async () => {
        const { launch, emulator } = await start('deaf');
        await driver.end('SIGKILL');
        await sandbox.kill('SIGKILL');
        await sandbox.delete();
        expect(isRunning(emulator)).to.equal(true);
        await driver.start();
        await waitForEnd(emulator);
        expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGKILL' });
        await expectNothingLeft();
        expect(ofThisVm('A VM ended').join()).to.include('pod-gone');
        await podCgroupGone();
      });

      it('is known to be there until its end, also to a broker that came later', async () => {
        const { launch } = await start('wait');
        await replaceBroker();
        launch.stub.kill('SIGTERM');
        await launch.ended;
        await waitUntil(
          'the daemon knows it',
          () => (ofThisVm('A VM ended').length > 0 ? true : undefined),
          FENCE_MS,
        );
        await expectNothingLeft();
      });

      it('says what a stub lacks that may not enter', async () => {
        const { uid, gid } = findQemuAccount();
        const ids = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
        const launch = launchFake(driver, sandbox, {
          user: { uid: 0, gid: 0 },
          through: ['setpriv', '--bounding-set', '-sys_admin', ...ids],
        });
        expect((await launch.ended).status).to.equal(125);
        expect(launch.stderr).to.match(
          /^qemu-kube-exec: Cannot enter .* lacks CAP_SYS_ADMIN; make it setuid .*\n$/,
        );
      });

      it('ends an impostor that lets itself be moved, and does not enter', async () => {
        const argv = ['/impostor', '-name', `guest=${sandbox.vmName}`];
        const env = [`KUBEVIRT_IO_VM_UUID=${sandbox.vmUuid}`, `KUBEVIRT_IO_SECRET=${sandbox.secret ?? ''}`];
        const request = encodeRequest({ ...draftRequest(argv, env), mode: 1 });
        // Root, as a setuid stub is: others are refused before.
        const script =
          'use Socket; $( = $ARGV[2]; $< = $ARGV[3];' +
          'socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) or die;' +
          'syswrite(S, pack("H*", $ARGV[1])); sysread(S, $frame, 12); close(S); sleep 60';
        const { uid, gid } = findQemuAccount();
        const args = [driver.launchSocket, request.toString('hex'), String(gid), String(uid)];
        const impostor = spawn('perl', ['-e', script, ...args], { stdio: 'ignore' });
        const signal = await new Promise((resolve) => impostor.once('exit', (_, name) => resolve(name)));
        expect(signal).to.equal('SIGKILL');
        await expectNothingLeft();
        await waitUntil(
          'the refusal is logged',
          () => (driver.log.includes('ended before QEMU was seen to run') ? true : undefined),
          FENCE_MS,
        );
        expect(ofThisVm('Started a VM')).to.deep.equal([]);
      });

      it('refuses the stub of the other mode', async () => {
        const other = launchFake(driver, sandbox, { through: [join(scratch.directory, 'stub/qemu-kube')] });
        expect((await other.ended).status).to.equal(125);
        expect(other.stderr).to.match(
          /^qemu-kube: Cannot launch in fork mode: .*; install "qemu-kube-exec" .*\n$/,
        );
      });
    }
  });
