import { expect } from 'chai';
import { cpSync, mkdirSync, readdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { fixturesMount, sayPod } from '../support/hostile-fixtures.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { runInMounts } from '../support/pod-mounts.ts';
import { readArguments, type ProcessIdentity } from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { expectNothingLeft } from '../support/supervised-vm.ts';
import { waitUntil } from '../support/wait-until.ts';

/** More than the fds that a stub of exec mode has when it looks for its directory. */
const FDS = 12;

for (const [mode, namespaces] of [
  ['fork', 'mnt net ipc uts cgroup'],
  ['fork', 'mnt net ipc uts cgroup pid'],
  ['exec', 'mnt net ipc uts cgroup'],
] as const)
  describe(`the working directory of QEMU in ${mode} mode with ${namespaces}`, function () {
    this.timeout(60_000);
    this.retries(0); // one success of the attacker is one too many
    let scratch: Scratch;
    let driver: NodeDriver;
    let pod: Sandbox;
    /** A directory of the node, where the stub is; what the pod has in its place is the test's. */
    let directory: string;

    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator, namespaces } });
      const vmUuid = `directory-${scratch.id}`;
      // The worst that a pod may have: the node's own procfs, where /proc/self is who looks.
      const proc = { source: '/proc', destination: '/node-proc' };
      pod = await startSandbox(scratch, { vmUuid, vmName: 'directory', mounts: [fakeEmulatorMount, proc] });
      mkdirSync(join(pod.rootfs, scratch.directory), { recursive: true, mode: 0o755 });
      directory = scratch.directory;
    });
    after(() => scratch.close());

    let count = 0;
    /** Of the node; in the pod a link to `target`, or nothing. */
    const makeDirectory = (target?: string): string => {
      const path = join(directory, `work-${++count}`);
      mkdirSync(path, { mode: 0o755 });
      if (target !== undefined) symlinkSync(target, join(pod.rootfs, path));
      return path;
    };
    const launchIn = async (path: string): Promise<FakeLaunch> => {
      const launch = launchFake(driver, pod, { args: ['exit=42'], directory: path });
      await launch.ended;
      return launch;
    };
    const expectRefused = async (path: string): Promise<string> => {
      const launch = await launchIn(path);
      expect((await launch.ended).status, launch.texts('cwd').join()).to.equal(125);
      expect(launch.report).to.deep.equal([]);
      const line =
        /^qemu-kube(?:-exec)?: Cannot use (\S+) as working directory in the pod: ([^;]+); [^\n]+\n$/;
      expect(launch.stderr).to.match(line);
      await expectNothingLeft(driver, pod);
      return line.exec(launch.stderr)?.[2] ?? '';
    };

    it('is the directory of that name in the pod, by its absolute path', async () => {
      const path = makeDirectory('/share');
      const launch = await launchIn(path);
      expect((await launch.ended).status, launch.stderr).to.equal(42);
      expect(launch.texts('cwd')).to.deep.equal(['/share']);
    });

    it('has to be in the pod', async () => {
      expect(await expectRefused(makeDirectory())).to.equal('No such file or directory');
    });

    it('is never what an fd leads to, whatever the pod has at its path', async () => {
      for (const proc of ['/proc', '/node-proc'])
        for (let fd = 0; fd < FDS; fd++) await expectRefused(makeDirectory(`${proc}/self/fd/${fd}`));
    });

    it("is never the node's by another process's root or directory", async () => {
      for (const link of ['1/root', '1/cwd', `${process.pid}/cwd`, `${driver.process.pid}/root`])
        await expectRefused(makeDirectory(`/node-proc/${link}`));
    });
  });

for (const mode of ['fork', 'exec'] as const)
  describe(`a launcher with a chroot of its own inside of its container, in ${mode} mode`, function () {
    this.timeout(60_000);
    this.retries(0); // one success of the attacker is one too many
    let scratch: Scratch;
    let driver: NodeDriver;
    let pod: Sandbox;
    let launcher: ProcessIdentity;
    const jail = '/jail';
    const vmUuid = `chroot-${mode}`;
    const inJail = { vmUuid, vmName: 'chroot', secret: 'the secret in the chroot' };

    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode, settings: { emulator: sayPod } });
      pod = await startSandbox(scratch, {
        vmUuid: `outside-${vmUuid}`,
        vmName: 'outside',
        user: { uid: 0, gid: 0 },
        capabilities: ['CAP_SYS_CHROOT'],
        mounts: [fixturesMount],
      });
      const root = join(pod.rootfs, jail);
      for (const path of [
        'etc/kubevirt/node-driver',
        'opt',
        'proc',
        'var/lib/libvirt/qemu',
        'run/libvirt/qemu',
      ])
        mkdirSync(join(root, path), { recursive: true });
      writeFileSync(join(root, 'etc/pod-uid'), 'in the chroot\n');
      cpSync(fixturesMount.source, join(root, fixturesMount.destination), { recursive: true });
      cpSync(join(pod.rootfs, 'launcher'), join(root, 'launcher'), { recursive: true });
      const volume = join(jail, 'etc/kubevirt/node-driver');
      await runInMounts(
        pod,
        `mount -t tmpfs tmpfs ${volume}; printf '%s' '${inJail.secret}' > ${volume}/secret`,
      );
      const identity = ['-kubevirt.vm.uuid', vmUuid, '-kubevirt.vm.name', 'chroot'];
      launcher = await pod.execBackground(['chroot', jail, '/launcher/virt-launcher', ...identity]);
      await waitUntil(
        'the launcher runs',
        () => (readArguments(launcher.pid)[0]?.endsWith('virt-launcher') === true ? true : undefined),
        5000,
      );
      expect(readlinkSync(`/proc/${launcher.pid}/root`)).to.not.equal('/');
      expect(readdirSync(`/proc/${launcher.pid}/root`)).to.not.include('usr');
    });
    after(() => scratch.close());

    it('has its emulator and its secret looked up in that root', async () => {
      const launch = launchFake(driver, inJail);
      expect((await launch.ended).status, launch.stderr).to.equal(0);
      expect(launch.facts('pod')).to.deep.equal(['in the chroot']);
      await expectNothingLeft(driver);
    });

    it('can do nothing with the secret that its container has outside of it', async () => {
      const launch = launchFake(driver, { ...inJail, secret: pod.secret });
      expect((await launch.ended).status).to.equal(125);
      expect(launch.stderr).to.include('Cannot accept the secret');
    });

    it('has no emulator where that root has none', async () => {
      const program = join(pod.rootfs, jail, sayPod);
      expect(statSync(program).isFile()).to.equal(true);
      const aside = `${program}.aside`;
      cpSync(program, aside);
      await pod.exec(['rm', join(jail, sayPod)], { uid: 0, gid: 0 });
      const launch = launchFake(driver, inJail);
      expect((await launch.ended).status).to.equal(125);
      expect(launch.stderr).to.include(
        `Cannot execute the emulator ${sayPod} in the pod: No such file or directory`,
      );
      cpSync(aside, program);
    });
  });
