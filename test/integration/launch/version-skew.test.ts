import { expect } from 'chai';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  fakeEmulator,
  fakeEmulatorMount,
  launchFake,
  type FakeLaunch,
  type FakeLaunchOptions,
} from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver, type NodeDriverOptions } from '../../support/node-driver.ts';
import { listReleases, throughDefaultSocket, type Release } from '../../support/releases.ts';
import { runCommand } from '../../support/run-command.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { skip } from '../../support/skip.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { withoutLaunchId } from '../../support/start-bench.ts';

const root = { uid: 0, gid: 0 };
/** Release 0.1.0 knows no filters of system calls. */
const unfiltered = { seccomp: 'unconfined' };
const sources = join(import.meta.dirname, '../../../stub');
const programs = ['qemu-kube', 'qemu-kube-broker', 'qemu-kube-exec', 'qemu-kube-shim'];

describe('programs of another release', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let sandbox: Sandbox;

  beforeEach(async () => {
    scratch = Scratch.open('test');
    sandbox = await startSandbox(scratch, { vmUuid: 'skew', vmName: 'skew', mounts: [fakeEmulatorMount] });
  });
  afterEach(() => scratch.close());

  const startDriver = (options: NodeDriverOptions): Promise<NodeDriver> =>
    startNodeDriver(scratch, { ...options, settings: { emulator: fakeEmulator, ...options.settings } });
  const launchShipped = (driver: NodeDriver, options: FakeLaunchOptions): FakeLaunch =>
    launchFake(driver, sandbox, {
      user: root,
      through: throughDefaultSocket(scratch, driver),
      ...options,
    });
  const start = async (driver: NodeDriver): Promise<FakeLaunch> => {
    const launch = launchShipped(driver, { args: ['wait'] });
    await Promise.race([launch.waitForLine('ready'), launch.ended]);
    await waitUntil(
      `the daemon knows that it runs: ${launch.stderr}`,
      () => (driver.log.includes('Started a VM') ? true : undefined),
      5000,
    );
    return launch;
  };
  const expectEnd = async (driver: NodeDriver): Promise<void> => {
    await waitUntil(
      'its end is known, and nothing of it is left',
      () =>
        driver.log.includes('A VM ended') && readdirSync(join(driver.runDirectory, 'state')).length === 0
          ? true
          : undefined,
      5000,
    );
    expect(driver.log.split('A VM ended')).to.have.lengthOf(2);
    expect(sandbox.processes).to.deep.equal([sandbox.pid]);
  };

  for (const release of listReleases())
    describe(release.version, () => {
      before(function () {
        if (process.arch !== 'x64') skip(this, 'the programs of earlier releases are for x86-64');
      });

      it('has all programs, each with its version, and no other file', async () => {
        expect(readdirSync(release.directory).sort()).to.deep.equal(programs);
        for (const name of programs) {
          const path = join(release.directory, name);
          expect(statSync(path).size, name).to.be.lessThan(256 * 1024);
          if (name === 'qemu-kube-shim') continue;
          expect((await runCommand(path, ['--version'])).stdout).to.equal(`${name} ${release.version}\n`);
        }
      });

      for (const mode of ['fork', 'exec'] as const) {
        const stub = stubOf(release, mode);

        it(`its stub of ${mode} mode starts VMs with the daemon, broker and shim of today`, async () => {
          const driver = await startDriver({ mode, stub, settings: unfiltered });
          const launch = launchShipped(driver, { args: ['exit=42'] });
          expect(await launch.ended, launch.stderr).to.deep.equal({ status: 42, signal: null });
          expect(launch.texts('arg')).to.deep.equal([fakeEmulator, '-name', 'guest=skew', 'exit=42']);
          const refused = launchShipped(driver, { environment: { KUBEVIRT_IO_SECRET: 'wrong' } });
          expect((await refused.ended).status).to.equal(125);
          expect(refused.stderr).to.match(/^qemu-kube\S*: Cannot accept the secret of the domain: .*; .*\n$/);
        });

        it(`a VM of ${mode} mode that its programs started is adopted, signalled and reported`, async () => {
          const driver = await startDriver({
            mode,
            stub,
            settings: { ...unfiltered, 'library-directory': release.directory },
          });
          const launch = await start(driver);
          await driver.end();
          driver.configure({ emulator: fakeEmulator });
          await driver.start();
          const machines = async (...args: readonly string[]): Promise<string> =>
            (await driver.run(['machines', ...args, '--socket', driver.apiSocket])).stdout;
          const listed = await machines('list', '--json');
          expect(listed).to.include('"state":"running"').and.include(`"stub":{"pid":${launch.pid},`);
          const { launchId } = /"launchID":"(?<launchId>[^"]+)"/.exec(listed)?.groups ?? {};
          await machines('signal', launchId ?? '', 'HUP');
          await launch.waitForLine('signal 01');
          launch.stub.kill('SIGTERM');
          expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
          await expectEnd(driver);
        });
      }

      it('its stub of exec mode starts no VM without the filter that it does not know, and says so', async () => {
        const driver = await startDriver({ mode: 'exec', stub: stubOf(release, 'exec') });
        const launch = launchShipped(driver, { args: ['exit=42'] });
        expect((await launch.ended).status).to.equal(125);
        expect(withoutLaunchId(launch.stderr)).to.match(
          /: Cannot read the launch plan: .*; use stub, daemon and shim of one release\n$/,
        );
        expect(sandbox.processes).to.deep.equal([sandbox.pid]);
      });

      it('its stub of exec mode does not start a VM beside the user namespace of a pod, and says so', async () => {
        const users = await startSandbox(scratch, {
          vmUuid: 'skew-users',
          vmName: 'skew',
          mounts: [fakeEmulatorMount],
          firstUserId: 1_000_000,
        });
        const driver = await startDriver({
          mode: 'exec',
          stub: stubOf(release, 'exec'),
          settings: unfiltered,
        });
        const launch = launchFake(driver, users, {
          user: root,
          through: throughDefaultSocket(scratch, driver),
          args: ['exit=42'],
        });
        expect((await launch.ended).status).to.equal(125);
        expect(withoutLaunchId(launch.stderr)).to.match(
          /: Cannot read the launch plan: .*; use stub, daemon and shim of one release\n$/,
        );
        expect(users.processes).to.deep.equal([users.pid]);
      });

      it('its shim fences QEMU without a daemon, and the daemon of today learns of it', async () => {
        const driver = await startDriver({
          stub: stubOf(release, 'fork'),
          settings: { ...unfiltered, 'library-directory': release.directory },
        });
        const launch = await start(driver);
        await driver.end('SIGKILL');
        launch.stub.kill('SIGKILL');
        await launch.ended;
        await waitUntil('QEMU is ended', () => (sandbox.processes.length === 1 ? true : undefined), 5000);
        driver.configure({ emulator: fakeEmulator });
        await driver.start();
        await expectEnd(driver);
        expect(driver.log).to.include('stub-gone');
      });
    });

  describe('of a later protocol version', () => {
    const build = async (definition: string, socket: string): Promise<string> => {
      const directory = join(scratch.directory, 'later');
      const options = ['-s', '-C', sources, `BUILD=${directory}`, `LAUNCH_SOCKET=${socket}`];
      await runCommand('make', [...options, `CC=musl-gcc -D${definition}=2`, 'all']);
      return directory;
    };

    for (const mode of ['fork', 'exec'] as const)
      it(`a stub of ${mode} mode is refused, and says so`, async () => {
        const driver = await startDriver({ mode });
        const later = await build('WIRE_VERSION', driver.launchSocket);
        driver.installStub(join(later, driver.stubName));
        const launch = launchFake(driver, sandbox);
        expect((await launch.ended).status).to.equal(125);
        expect(launch.stderr).to.equal(
          `${driver.stubName}: Cannot understand the node driver; use stub and daemon of one release\n`,
        );
        expect(driver.log).to.include('its protocol version is not 1');
      });

    it('a shim that the stub does not understand ends, and leaves nothing', async () => {
      const driver = await startDriver({});
      const later = await build('WIRE_VERSION', driver.launchSocket);
      await driver.end();
      driver.configure({ emulator: fakeEmulator, 'library-directory': later });
      await driver.start();
      const launch = launchFake(driver, sandbox);
      expect((await launch.ended).status).to.equal(125);
      expect(withoutLaunchId(launch.stderr)).to.match(
        /^qemu-kube: Cannot .*; use stub and (daemon|shim) of one release\n$/,
      );
      await waitUntil(
        'nothing is left',
        () => (readdirSync(join(driver.runDirectory, 'state')).length === 0 ? true : undefined),
        5000,
      );
      expect(sandbox.processes).to.deep.equal([sandbox.pid]);
    });

    it('a shim that the daemon does not understand starts no VM, and the refusal says why', async () => {
      const driver = await startDriver({});
      const later = await build('SHIM_VERSION', driver.launchSocket);
      await driver.end();
      driver.configure({ emulator: fakeEmulator, 'library-directory': later });
      await driver.start();
      const launch = launchFake(driver, sandbox, { args: ['wait'] });
      expect((await launch.ended).status).to.equal(125);
      expect(withoutLaunchId(launch.stderr)).to.equal(
        'qemu-kube: Cannot start the VM: its supervisor "qemu-kube-shim" speaks version 2 of the shim protocol, and ' +
          'this node driver version 1; set "library-directory" to the programs of the same release\n',
      );
      expect(sandbox.processes).to.deep.equal([sandbox.pid]);
    });
  });
});

function stubOf({ directory }: Release, mode: 'fork' | 'exec'): string {
  return join(directory, mode === 'exec' ? 'qemu-kube-exec' : 'qemu-kube');
}
