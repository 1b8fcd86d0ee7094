import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCgroups } from '../../support/cgroups.ts';
import { Failpoints } from '../../support/failpoints.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startLibvirt, type LibvirtHost } from '../../support/libvirt-host.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import {
  identify,
  isRunning,
  listDescendants,
  readArguments,
  readNamespace,
  readStatusFields,
  signalProcess,
  type ProcessIdentity,
} from '../../support/processes.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { runCommand } from '../../support/run-command.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitForStoppedShim } from '../../support/stopped-shim.ts';
import { waitUntil } from '../../support/wait-until.ts';

const END_MS = 5000;
const namespaces = 'mnt net ipc uts cgroup pid';

describe("a VM in the pod's PID namespace", function () {
  this.timeout(90_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let libvirt: LibvirtHost;
  let sandbox: Sandbox;
  let qemu: number;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: { namespaces } });
    libvirt = await startLibvirt(scratch);
  });
  after(() => scratch.close());
  beforeEach(async () => {
    const vmUuid = randomUUID();
    const vmName = `pid-${vmUuid.slice(0, 4)}`;
    sandbox = await startSandbox(scratch, { vmUuid, vmName });
    await libvirt.define({
      name: vmName,
      uuid: vmUuid,
      emulator: driver.emulator,
      serialSocket: join(libvirt.directory, 'lib/qemu', `${vmName}.sock`),
      environment: {
        KUBEVIRT_IO_VM_UUID: vmUuid,
        KUBEVIRT_IO_VM_NAME: vmName,
        KUBEVIRT_IO_SECRET: sandbox.secret ?? '',
      },
      vcpus: 2,
      elements: '<iothreads>1</iothreads>',
    });
    await libvirt.virsh(['start', vmName]);
    const own = sandbox.processes.filter((pid) => pid !== sandbox.pid);
    expect(own).to.have.lengthOf(1);
    qemu = own[0] ?? 0;
  });
  afterEach(async () => {
    await libvirt.virsh(['destroy', sandbox.vmName], { allowFailure: true });
    await sandbox.remove();
  });

  /** Sends a QMP command; gives what it returned. */
  const qmp = async (command: string, ...options: readonly string[]): Promise<unknown> => {
    const { stdout } = await libvirt.virsh(['qemu-monitor-command', ...options, sandbox.vmName, command]);
    return (JSON.parse(stdout) as { readonly return: unknown }).return;
  };
  const threadIds = async (command: string): Promise<readonly number[]> => {
    const list = (await qmp(`{"execute":"${command}"}`)) as readonly { readonly 'thread-id': number }[];
    return list.map((each) => each['thread-id']);
  };
  const threadsNamed = (pattern: RegExp): readonly number[] =>
    readdirSync(`/proc/${qemu}/task`)
      .filter((id) => pattern.test(readFileSync(`/proc/${qemu}/task/${id}/comm`, 'utf8').trim()))
      .map(Number);
  const allowedCpus = (pid: number): string | undefined => readStatusFields(pid).get('Cpus_allowed_list');

  it('reports the thread ids of the node to libvirt, which pins those threads and no others', async () => {
    expect(readNamespace(qemu, 'pid')).to.equal(readNamespace(sandbox.pid, 'pid'));
    expect(readNamespace(qemu, 'pid')).to.not.equal(readNamespace(libvirt.libvirtd.pid, 'pid'));
    const vcpus = await threadIds('query-cpus-fast');
    expect(vcpus)
      .to.have.members([...threadsNamed(/^CPU \d+\/TCG$/)])
      .and.have.lengthOf(2);
    expect(await threadIds('query-iothreads')).to.deep.equal(threadsNamed(/^IO iothread1$/));

    const inner = new Set(
      readdirSync(`/proc/${qemu}/task`).map((id) =>
        Number(/^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${qemu}/task/${id}/status`, 'utf8'))?.[1]),
      ),
    );
    const before = new Map([...inner].flatMap((id) => affinityOf(id)));
    const all = allowedCpus(qemu);
    await libvirt.virsh(['vcpupin', sandbox.vmName, '1', '0']);
    expect(vcpus.map(allowedCpus)).to.deep.equal([all, '0']);
    const [iothread = 0] = threadsNamed(/^IO iothread1$/);
    await libvirt.virsh(['iothreadpin', sandbox.vmName, '1', '0']);
    expect(allowedCpus(iothread)).to.equal('0');
    // Threads of the node that have the ids that QEMU's have in the pod.
    for (const [id, cpus] of before) expect(affinityOf(id), String(id)).to.deep.equal([[id, cpus]]);
    expect((await libvirt.virsh(['vcpuinfo', sandbox.vmName])).stdout).to.match(/State: +running/);
  });

  const affinityOf = (id: number): readonly (readonly [number, string | undefined])[] => {
    try {
      return [[id, allowedCpus(id)]];
    } catch {
      return [];
    }
  };

  it('passes fds on, and leaves none of them in the shim', async () => {
    const shim = listDescendants(driver.process).find(({ pid }) =>
      readArguments(pid)[0]?.includes('qemu-kube-shim'),
    );
    if (shim === undefined) throw new Error('There is no shim');
    const listFds = (): number => readdirSync(`/proc/${shim.pid}/fd`).length;
    const before = listFds();
    const path = join(scratch.directory, 'passed-file');
    const script = `exec 7<>"$1"; shift; exec virsh --quiet --connect ${libvirt.uri} "$@"`;
    await runCommand('sh', [
      '-c',
      script,
      'sh',
      path,
      'qemu-monitor-command',
      '--pass-fds',
      '7',
      sandbox.vmName,
      '{"execute":"add-fd","arguments":{"fdset-id":9,"opaque":"\\"thread-id\\":1"}}',
    ]);
    const links = readdirSync(`/proc/${qemu}/fd`).map((fd) => readlinkSync(`/proc/${qemu}/fd/${fd}`));
    expect(links).to.include(path);
    expect(JSON.stringify(await qmp('{"execute":"query-fdsets"}'))).to.include(
      JSON.stringify('"thread-id":1'),
    );
    expect(listFds()).to.equal(before);
  });

  it('passes on as many fds as a message can have, and what is said with them', async () => {
    await libvirt.endLibvirtd('SIGKILL');
    const directory = join(libvirt.directory, 'lib/qemu');
    const domain = readdirSync(directory).find(
      (name) => name.startsWith('domain-') && name.endsWith(sandbox.vmName),
    );
    const program = [
      'import os, socket, sys',
      'monitor = socket.socket(socket.AF_UNIX)',
      'monitor.settimeout(20)',
      'monitor.connect(sys.argv[1])',
      'fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(253)]',
      'answers = monitor.makefile()',
      'answers.readline()',
      `socket.send_fds(monitor, [b'{"execute":"qmp_capabilities"}'], fds)`,
      'print(answers.readline().strip())',
    ].join('\n');
    try {
      const monitor = join(directory, domain ?? '', 'monitor.sock');
      const { stdout } = await runCommand('python3', ['-c', program, monitor]);
      expect(stdout).to.equal('{"return": {}}\n');
    } finally {
      await libvirt.startLibvirtd();
    }
  });

  it('is found again by a libvirtd that was killed, more than once', async () => {
    for (let round = 0; round < 2; round++) {
      await libvirt.endLibvirtd('SIGKILL');
      await libvirt.startLibvirtd();
      expect(await threadIds('query-cpus-fast')).to.have.members([...threadsNamed(/^CPU \d+\/TCG$/)]);
    }
  });

  it('ends with its pod at once, as the kernel has it', async () => {
    const process = identify(qemu);
    await sandbox.kill('SIGKILL');
    await waitUntil('QEMU has ended', () => (isRunning(process) ? undefined : true), END_MS);
    await waitUntil(
      'libvirt knows it',
      async () =>
        (await libvirt.virsh(['domstate', sandbox.vmName])).stdout.includes('shut off') ? true : undefined,
      END_MS,
    );
    expect(driver.log).to.match(/pod-gone/);
  });

  it('ends when libvirt destroys it, and when QEMU is told to quit', async () => {
    const process = identify(qemu);
    await libvirt.virsh(['destroy', sandbox.vmName]);
    expect(isRunning(process)).to.equal(false);
    await libvirt.virsh(['start', sandbox.vmName]);
    await libvirt.virsh(['qemu-monitor-command', sandbox.vmName, '{"execute":"quit"}'], {
      allowFailure: true,
    });
    await waitUntil(
      'libvirt knows it',
      async () =>
        (await libvirt.virsh(['domstate', sandbox.vmName])).stdout.includes('shut off') ? true : undefined,
      END_MS,
    );
  });
});

describe("a launch from a PID namespace that is no ancestor of the pod's", function () {
  this.timeout(60_000);
  let scratch: Scratch;
  before(() => {
    scratch = Scratch.open('test');
  });
  after(() => scratch.close());

  it('is refused', async () => {
    const driver = await startNodeDriver(scratch, { settings: { namespaces, emulator: fakeEmulator } });
    const sandbox = await startSandbox(scratch, {
      vmUuid: randomUUID(),
      vmName: 'elsewhere',
      mounts: [fakeEmulatorMount],
    });
    const { uid, gid } = findQemuAccount();
    const identity = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
    const launch = launchFake(driver, sandbox, {
      through: ['unshare', '--pid', '--fork', 'setpriv', ...identity],
      user: { uid: 0, gid: 0 },
    });
    const { status } = await launch.ended;
    expect(status, launch.stderr).to.equal(125);
    expect(launch.stderr).to.match(
      /^qemu-kube: Cannot join the PID namespace of the pod: libvirt's is no ancestor of it, .*; take pid out .*\n$/,
    );
  });
});

describe('a launch into the PID namespace of a pod that may trace', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  before(() => {
    scratch = Scratch.open('test');
  });
  after(() => scratch.close());

  it('is refused where the container has CAP_SYS_PTRACE', async () => {
    const driver = await startNodeDriver(scratch, { settings: { namespaces, emulator: fakeEmulator } });
    const sandbox = await startSandbox(scratch, {
      vmUuid: randomUUID(),
      vmName: 'tracer',
      mounts: [fakeEmulatorMount],
      capabilities: ['CAP_SYS_PTRACE'],
    });
    const launch = launchFake(driver, sandbox);
    const { status } = await launch.ended;
    expect(status, launch.stderr).to.equal(125);
    expect(launch.stderr).to.match(
      /^qemu-kube: Cannot join the PID namespace of the pod: its container has CAP_SYS_PTRACE, .*; take that .*\n$/,
    );
    expect(sandbox.processes).to.deep.equal([sandbox.pid]);
  });
});

describe("what is to become QEMU in the pod's PID namespace", function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let failpoints: Failpoints;
  let driver: NodeDriver;
  let sandbox: Sandbox;
  before(async () => {
    scratch = Scratch.open('test');
    failpoints = Failpoints.open(scratch);
    driver = await startNodeDriver(scratch, { failpoints, settings: { namespaces, emulator: fakeEmulator } });
    sandbox = await startSandbox(scratch, {
      vmUuid: randomUUID(),
      vmName: 'ended',
      mounts: [fakeEmulatorMount, failpoints.mount],
    });
  });
  after(() => scratch.close());

  const launchTo = async (point: string, act: (stopped: ProcessIdentity) => void): Promise<string> => {
    failpoints.set(point);
    const launch = launchFake(driver, sandbox, { args: ['wait'] });
    const stopped = await waitForStoppedShim(driver, point);
    act(stopped);
    signalProcess(stopped, 'SIGCONT');
    expect((await launch.ended).status, launch.stderr).to.equal(125);
    expect(sandbox.processes).to.deep.equal([sandbox.pid]);
    return launch.stderr;
  };

  it('is said to have been ended where somebody ends it', async () => {
    expect(await launchTo('namespaces-entered', (stopped) => signalProcess(stopped, 'SIGKILL'))).to.match(
      /^qemu-kube: Cannot start the VM: the process that was to become QEMU was ended before \(by signal 9\); check .+\n$/,
    );
  });

  it('is said to be one too many where the pod may have no more processes', async () => {
    const cgroups = readCgroups(sandbox.pid);
    const files = [`/sys/fs/cgroup/pids${cgroups.get('pids')}`, `/sys/fs/cgroup${cgroups.get('')}`]
      .map((directory) => `${directory}/pids.max`)
      .filter((file) => existsSync(file));
    const [limit = ''] = files;
    const before = readFileSync(limit, 'latin1');
    try {
      const line = await launchTo('namespaces-entered', () => writeFileSync(limit, '1'));
      expect(line).to.match(
        /^qemu-kube: Cannot make a process for QEMU: Resource temporarily unavailable; check that the pod's .+\n$/,
      );
    } finally {
      writeFileSync(limit, before);
    }
  });
});
