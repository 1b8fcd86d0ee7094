import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findCgroup } from '../support/cgroups.ts';
import { launchFake, type FakeLaunchTarget } from '../support/fake-launch.ts';
import { fixturesMount, sayPod } from '../support/hostile-fixtures.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { readArguments } from '../support/processes.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox, type SandboxOptions } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { skip } from '../support/skip.ts';
import { waitUntil } from '../support/wait-until.ts';

/** As many as the machine carries beside other tests; each costs some 60 KiB. */
const COPIES = 10_000;
const LAUNCHES = 5;
/** Past those copies. */
const MANY_LAUNCHES = 100;
const SETTINGS = { emulator: sayPod, 'secret-lifetime': '24h' };
const impostors = '/opt/fixtures/impostors';

describe('a pod that pretends to be the pod of another VM', function () {
  this.timeout(300_000);
  this.retries(0); // one success of the attacker is one too many
  let scratch: Scratch;
  let driver: NodeDriver;
  const pods: Sandbox[] = [];

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: SETTINGS });
  });
  after(() => scratch.close());
  afterEach(async () => {
    for (const pod of pods.splice(0)) await pod.remove();
  });

  const newVm = (): { readonly vmUuid: string; readonly vmName: string } => ({
    vmUuid: randomUUID(),
    vmName: 'victim',
  });
  const startPod = async (options: Partial<SandboxOptions> = {}): Promise<Sandbox> => {
    const vm = { vmUuid: 'other', vmName: 'other' };
    const pod = await startSandbox(scratch, { ...vm, mounts: [fixturesMount], ...options });
    pods.push(pod);
    return pod;
  };
  /** Runs a program in a pod under a name of its choice; comes back when it runs. */
  const pretend = async (pod: Sandbox, name: string, ...args: readonly string[]): Promise<number> => {
    const script = 'name=$1; shift; exec -a "$name" "$@"';
    const { pid } = await pod.execBackground(['bash', '-c', script, 'bash', name, impostors, ...args]);
    await waitUntil('it runs', () => (readArguments(pid)[0] === name ? true : undefined), 10_000);
    return pid;
  };
  /** The emulator says in which pod it is. */
  const launch = async (vm: FakeLaunchTarget): Promise<string> => {
    const started = launchFake(driver, vm);
    const { status } = await started.ended;
    return started.facts('pod')[0] ?? `${status ?? 'signal'} ${started.stderr}`;
  };
  const expectOwnPod = async (pod: Sandbox, launches = LAUNCHES): Promise<void> => {
    for (let i = 0; i < launches; i++) expect(await launch(pod)).to.equal(pod.podUid);
  };
  /** Of the only pod that claims the VM. */
  const resolve = async (vmUuid: string): Promise<string> => {
    const args = ['resolve', '--uuid', vmUuid, '--json', '--socket', driver.apiSocket];
    return (await driver.run(args, { allowFailure: true })).stdout;
  };
  const withSettings = async (
    settings: Readonly<Record<string, string>>,
    action: () => Promise<void>,
  ): Promise<void> => {
    const restart = async (changed: Readonly<Record<string, string>>): Promise<void> => {
      await driver.end();
      driver.configure({ ...SETTINGS, ...changed });
      await driver.start();
    };
    await restart(settings);
    try {
      await action();
    } finally {
      await restart({});
    }
  };

  it(`by ${COPIES} launchers of that VM: it starts in its own pod, time after time`, async () => {
    const victim = await startPod(newVm());
    const hostile = await startPod();
    await pretend(hostile, 'virt-launcher', `--copies=${COPIES}`, '-kubevirt.vm.uuid', victim.vmUuid);
    await waitUntil(
      'they all run',
      () => (hostile.processes.length > COPIES ? true : undefined),
      60_000,
      500,
    );
    await expectOwnPod(victim, MANY_LAUNCHES);
    expect(hostile.processes.length).to.be.greaterThan(COPIES);
  });

  it('by the uuid of that VM: it does not hide the pod that holds the secret, also when that has just changed', async () => {
    const vm = newVm();
    const first = await startPod({ ...vm, secret: 'of the first' });
    const second = await startPod({ ...vm, secret: 'of the second' });
    // Each launch has seen what the other pod held a moment ago.
    for (let i = 0; i < LAUNCHES; i++)
      for (const pod of [first, second]) expect(await launch(pod)).to.equal(pod.podUid);
    writeFileSync(join(first.secretDirectory, 'secret'), 'anew');
    const renewed = { ...vm, secret: 'anew' };
    expect(await launch(renewed)).to.equal(first.podUid);
  });

  it('by names and uuids that begin, end or go on like those of a launcher: they are no candidates', async () => {
    const vm = { ...newVm(), secret: randomBytes(32).toString('base64') };
    const hostile = await startPod();
    const uuid = ['-kubevirt.vm.uuid', vm.vmUuid];
    for (const name of [
      'virt-launcher2',
      'not-virt-launcher',
      'virt-launcher ',
      'virt-launcher/',
      'virt-launche',
    ])
      await pretend(hostile, name, ...uuid);
    for (const args of [
      [`-kubevirt.vm.uuid=${vm.vmUuid}0`],
      [`-kubevirt.vm.uuid=0${vm.vmUuid}`],
      [`-kubevirt.vm.uuid=${vm.vmUuid.slice(0, -1)}`],
      [`-kubevirt.vm.uuid=${vm.vmUuid.toUpperCase()}X`],
      [`-kubevirt.vm.uuid ${vm.vmUuid}`],
      [`--x=-kubevirt.vm.uuid`, vm.vmUuid],
      [...uuid, '-kubevirt.vm.uuid', 'other'],
      ['--', ...uuid],
    ])
      await pretend(hostile, 'virt-launcher', ...args);
    const notFound = /^125 qemu-kube: Cannot find a virt-launcher of VM /;
    expect(await launch(vm)).to.match(notFound);
    await pretend(hostile, 'virt-launcher', ...uuid);
    expect(await launch(vm)).to.not.match(notFound);
  });

  it('by processes whose name and arguments change all the time, or are of megabytes', async () => {
    const victim = await startPod(newVm());
    const hostile = await startPod();
    const uuid = ['-kubevirt.vm.uuid', victim.vmUuid];
    for (let i = 0; i < 5; i++) {
      await pretend(hostile, 'virt-launcher', '--rewrite', ...uuid);
      const many = Array<string>(12).fill('x'.repeat(100_000));
      await pretend(hostile, 'virt-launcher', ...(i % 2 === 0 ? [...many, ...uuid] : [...uuid, ...many]));
      const lines = Array<string>(10_000).fill('\n--kubevirt.vm.uuid=\n');
      await pretend(hostile, 'virt-launcher', ...uuid, ...lines);
    }
    await expectOwnPod(victim);
  });

  it('by processes whose arguments are in a file system that never answers', async function () {
    if (!existsSync('/dev/fuse')) skip(this, 'there is no /dev/fuse');
    const victim = await startPod(newVm());
    const mountPoint = join(scratch.directory, 'hanging');
    mkdirSync(mountPoint);
    scratch.defer('unmount what hangs', async () => {
      await runCommand('umount', ['-l', mountPoint], { allowFailure: true });
    });
    const program = join(fixturesMount.source, 'hanging-arguments');
    const child = spawn(program, [mountPoint, '-kubevirt.vm.uuid', victim.vmUuid], {
      argv0: 'virt-launcher',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let reader: ChildProcess | undefined;
    let readerEnded: Promise<unknown> = Promise.resolve();
    try {
      const ready = await new Promise((resolve) => {
        child.stdout.once('data', () => resolve(true));
        child.once('exit', () => resolve(false));
      });
      if (ready === false) skip(this, 'FUSE cannot be mounted here');
      reader = spawn('cat', [join(mountPoint, 'x')], { stdio: 'ignore' });
      readerEnded = once(reader, 'exit');
      // The kernel shows no arguments out of files; it would have to wait for them.
      await waitUntil(
        'it has no arguments any more',
        async () => {
          const read = ['-s', 'KILL', '5', 'cat', `/proc/${child.pid}/cmdline`];
          const { status, stdout } = await runCommand('timeout', read);
          return status === 0 && stdout === '' ? true : undefined;
        },
        10_000,
      );
      await expectOwnPod(victim);
      expect(reader.exitCode, 'of who reads the file itself').to.equal(null);
    } finally {
      // The file system answers nobody any more then, and lets go of who waits.
      child.kill('SIGKILL');
      await runCommand('umount', ['-l', mountPoint], { allowFailure: true });
      await readerEnded;
    }
  });

  it('as the only one that does: a start is refused at once, and goes to its own pod once there is one', async () => {
    const secret = randomBytes(32).toString('base64');
    const vm = { ...newVm(), secret };
    const hostile = await startPod();
    await pretend(hostile, 'virt-launcher', '-kubevirt.vm.uuid', vm.vmUuid);
    expect(await launch(vm)).to.match(/^125 qemu-kube: Cannot accept the secret of the domain: /);
    expect(await launch(await startPod(vm))).to.equal(pods[1]?.podUid);
  });

  it('as the only one that does: who has the driver wait for pods waits for the own one', () =>
    withSettings({ 'target-wait': '18s' }, async () => {
      const vm = { ...newVm(), secret: randomBytes(32).toString('base64') };
      for (let i = 0; i < 2; i++)
        await pretend(await startPod(), 'virt-launcher', '-kubevirt.vm.uuid', vm.vmUuid);
      const starting = launch(vm);
      expect(await Promise.race([starting, delay(3000, 'waits')])).to.equal('waits');
      const own = await startPod(vm);
      expect(await starting).to.equal(own.podUid);
    }));

  for (const isThere of [true, false])
    it(`from namespaces of its own, with a copy of the secret and a false procfs, ${isThere ? 'beside' : 'without'} the pod itself`, async () => {
      const vm = { ...newVm(), secret: randomBytes(32).toString('base64') };
      const victim = await startPod({ ...vm, podUid: randomUUID() });
      const hostile = await startPod();
      if (!isThere) await victim.remove();
      // tmpfs: what is written there is in no file of the node.
      const script = `set -e
        mount -t tmpfs none /etc/kubevirt/node-driver
        printf %s "$SECRET" > /etc/kubevirt/node-driver/secret
        mount -t tmpfs none /proc
        for pid in self 1 $$; do
          mkdir -p /proc/$pid
          echo '0::${victim.cgroup}' > /proc/$pid/cgroup
        done
        exec -a virt-launcher ${impostors} -kubevirt.vm.uuid ${vm.vmUuid}`;
      const unshare = ['unshare', '--user', '--map-root-user', '--mount', 'bash', '-c', script];
      const { pid } = await hostile.execBackground(['env', `SECRET=${vm.secret}`, ...unshare]);
      await waitUntil(
        'the impostor runs',
        () => (readArguments(pid)[0] === 'virt-launcher' ? true : undefined),
        10_000,
      );
      expect(readFileSync(`/proc/${pid}/root/etc/kubevirt/node-driver/secret`, 'utf8')).to.equal(vm.secret);
      if (isThere) await expectOwnPod(victim);
      else
        expect(await launch(vm)).to.match(
          /^125 qemu-kube: Cannot use the virt-launcher .* made namespaces of its own \(mnt, user\) inside/,
        );
    });

  it('by a cgroup below its own that is called like that of the other pod', async () => {
    const vm = newVm();
    const hostile = await startPod();
    const other = { podUid: randomUUID(), container: randomBytes(32).toString('hex') };
    const pid = await pretend(hostile, 'virt-launcher', '-kubevirt.vm.uuid', vm.vmUuid);
    for (const own of findCgroup(hostile.cgroup)) {
      const nested = join(own, `kubepods/besteffort/pod${other.podUid}/${other.container}`);
      makeCgroup(nested, own);
      writeFileSync(join(nested, 'cgroup.procs'), String(pid));
    }
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).to.include(other.podUid);
    expect(await resolve(vm.vmUuid))
      .to.include(`"podUID":"${hostile.podUid}"`)
      .and.not.include('reject');
    expect(await launch({ ...vm, secret: hostile.secret })).to.equal(hostile.podUid);
  });

  it('by mounts that show paths of the other pod in its mount table', async () => {
    const victim = await startPod(newVm());
    const vm = newVm();
    const kubelet = join(scratch.directory, `kubelet/pods/${victim.podUid}/containers/${victim.containerId}`);
    const container = `/var/lib/kubelet/pods/${victim.podUid}/etc-hosts`;
    mkdirSync(kubelet, { recursive: true });
    const hostile = await startPod({
      ...vm,
      mounts: [
        fixturesMount,
        { source: kubelet, destination: `/sys/fs/cgroup${victim.cgroup}`.replace('/sys/fs', '/run') },
        { source: kubelet, destination: container },
        { source: kubelet, destination: `/run/containerd/${victim.containerId}` },
      ],
    });
    const table = readFileSync(`/proc/${hostile.pid}/mountinfo`, 'utf8');
    expect(table.split(victim.podUid).length).to.be.greaterThan(5);
    expect(await resolve(vm.vmUuid)).to.include(`"podUID":"${hostile.podUid}"`);
    expect(await launch({ ...vm, secret: victim.secret })).to.match(
      /^125 qemu-kube: Cannot accept the secret/,
    );
    expect(await launch(hostile)).to.equal(hostile.podUid);
  });
});

/** With its parents up to one that is there; a cpuset that is empty takes no processes. */
function makeCgroup(directory: string, top: string): void {
  if (directory === top || existsSync(directory)) return;
  makeCgroup(dirname(directory), top);
  mkdirSync(directory);
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    const file = join(directory, name);
    if (existsSync(file) && readFileSync(file, 'utf8').trim() === '')
      writeFileSync(file, readFileSync(join(dirname(directory), name), 'utf8').trim());
  }
}
