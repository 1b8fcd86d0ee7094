import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import {
  copyFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from '../support/fake-launch.ts';
import { startLibvirt, type LibvirtHost } from '../support/libvirt-host.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { isRunning, identify, readNamespace } from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { findRefusals } from '../support/start-bench.ts';
import { waitUntil } from '../support/wait-until.ts';

const BUMP_MS = 15_000;
/** May launch by the profile `restricted`, and by no other. */
const RESTRICTED_UID = 4711;
/** It is in the package of the other one. */
const otherQemu = '/usr/bin/qemu-system-i386';

interface JsonMachine {
  readonly profile: string;
  readonly mode: string;
  readonly emulator: string;
  readonly state: string;
  readonly vm: { readonly uuid: string };
}

/**
 * Of one daemon: `default` with the settings of the node, fork mode; `figures` in exec mode, with other namespaces and
 * another emulator; `restricted`, for another user.
 */
describe('probe profiles', function () {
  this.timeout(90_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let libvirt: LibvirtHost;
  let figures: string;
  let restricted: string;
  const pods: Sandbox[] = [];

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, {
      settings: {
        'profile.figures.mode': 'exec',
        'profile.figures.namespaces': 'mnt net',
        'profile.figures.emulator': otherQemu,
        'profile.restricted.emulator': fakeEmulator,
        'profile.restricted.launch-users': String(RESTRICTED_UID),
      },
    });
    for (const name of ['default', 'figures']) writeEmulator(name);
    figures = driver.addProfile('figures', 'exec', localOf('figures'));
    restricted = driver.addProfile('restricted', 'fork', '/usr/bin/qemu-system-x86_64');
    rmSync(join(driver.emulator, '../local'));
    symlinkSync(localOf('default'), join(driver.emulator, '../local'));
    // Before libvirt is there, so that each later probe has its cause in a test.
    await settleStubs();
    libvirt = await startLibvirt(scratch);
  });
  after(() => scratch.close());
  afterEach(async () => {
    for (const pod of pods.splice(0)) {
      await libvirt.virsh(['destroy', pod.vmName], { allowFailure: true });
      await pod.remove();
    }
  });

  const localOf = (name: string): string => join(scratch.directory, 'qemu', name, 'qemu-system-x86_64');
  const probesOf = (name: string): number =>
    readFileSync(join(scratch.directory, 'qemu', name, 'probes'), 'utf8').length;
  /** Puts an emulator in place, by rename as packages do, that notes each time it is run. */
  const writeEmulator = (name: string): void => {
    const path = localOf(name);
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o755 });
    const probes = join(path, '../probes');
    writeFileSync(probes, '', { flag: 'a' });
    chmodSync(probes, 0o666);
    const lines = ['#!/bin/sh', `printf . >>'${probes}'`, 'exec /usr/bin/qemu-system-x86_64 "$@"'];
    writeFileSync(`${path}.new`, `${lines.join('\n')}\n`, { mode: 0o755 });
    renameSync(`${path}.new`, path);
  };
  const second = (path: string): bigint => statSync(path, { bigint: true }).ctimeMs / 1000n;
  const waitForBump = (stub: string, emulator: string): Promise<true> =>
    waitUntil(
      'the stub is newer than its emulator',
      () => (second(stub) > second(emulator) ? true : undefined),
      BUMP_MS,
    );
  const settleStubs = async (): Promise<void> => {
    await waitForBump(driver.emulator, join(driver.emulator, '../local'));
    await waitForBump(figures, join(figures, '../local'));
  };
  const probe = async (emulator: string): Promise<string> =>
    (await libvirt.virsh(['domcapabilities', '--virttype', 'qemu', '--emulatorbin', emulator])).stdout;
  const listMachines = async (): Promise<readonly JsonMachine[]> => {
    const { stdout } = await driver.run(['machines', 'list', '--json', '--socket', driver.apiSocket]);
    const lines = stdout.split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line) as JsonMachine).filter(({ state }) => state === 'running');
  };
  const startPod = async (): Promise<Sandbox> => {
    const vmUuid = randomUUID();
    const vmName = `profiled-${vmUuid.slice(0, 8)}`;
    const pod = await startSandbox(scratch, { vmUuid, vmName, mounts: [fakeEmulatorMount] });
    pods.push(pod);
    return pod;
  };
  const define = ({ vmUuid, vmName, secret }: Sandbox, emulator: string): Promise<void> =>
    libvirt.define({
      name: vmName,
      uuid: vmUuid,
      emulator,
      serialSocket: join(libvirt.directory, 'lib/qemu', `${vmName}.sock`),
      environment: {
        KUBEVIRT_IO_VM_UUID: vmUuid,
        KUBEVIRT_IO_VM_NAME: vmName,
        KUBEVIRT_IO_SECRET: secret ?? '',
      },
    });
  const start = async (emulator: string): Promise<{ readonly pod: Sandbox; readonly qemu: number }> => {
    const pod = await startPod();
    await define(pod, emulator);
    await libvirt.virsh(['start', pod.vmName]);
    const [qemu] = pod.processes.filter((pid) => pid !== pod.pid);
    if (qemu === undefined) throw new Error('There is no QEMU in the pod');
    return { pod, qemu };
  };
  const launch = async (
    emulator: string,
    uid: number,
    options: { readonly through?: readonly string[] } = {},
  ): Promise<FakeLaunch> =>
    launchFake({ emulator }, await startPod(), {
      args: ['wait'],
      user: { uid, gid: libvirt.account.gid },
      ...options,
    });
  const refusal = async (started: FakeLaunch): Promise<string> => {
    await started.ended;
    return findRefusals(started.stderr)[0] ?? started.stderr;
  };
  const notByProfile = (uid: number, profile: string): string =>
    `Cannot start a VM for uid ${uid}: it is not allowed to by profile "${profile}"; add the user that libvirt runs ` +
    `QEMU as to "profile.${profile}.launch-users" in qemu-kube.conf`;

  it('each has an entry of its own in the cache of libvirt, from its own local emulator', async () => {
    expect(await probe(driver.emulator)).to.include(`<path>${driver.emulator}</path>`);
    expect(await probe(figures)).to.include(`<path>${figures}</path>`);
    expect(probesOf('default')).to.be.greaterThan(0);
    expect(probesOf('figures')).to.be.greaterThan(0);
    const directory = join(libvirt.directory, 'cache/qemu/capabilities');
    const cached = readdirSync(directory).map((file) => {
      const text = readFileSync(join(directory, file), 'utf8');
      return /<emulator>(.*)<\/emulator>\s*<qemuctime>(\d+)</.exec(text)?.slice(1);
    });
    for (const stub of [driver.emulator, figures])
      expect(cached).to.deep.include([stub, String(second(stub))]);
    const before = [probesOf('default'), probesOf('figures')];
    await probe(driver.emulator);
    await probe(figures);
    expect([probesOf('default'), probesOf('figures')]).to.deep.equal(before);
  });

  it('VMs of two run side by side under one daemon, each with the settings of its own, also after a restart', async () => {
    const forked = await start(driver.emulator);
    const executed = await start(figures);
    const expectBoth = async (): Promise<void> => {
      const machines = await listMachines();
      const of = (pod: Sandbox): JsonMachine | undefined => machines.find(({ vm }) => vm.uuid === pod.vmUuid);
      const emulator = '/usr/bin/qemu-system-x86_64';
      expect(of(forked.pod)).to.include({ profile: 'default', mode: 'fork', emulator });
      expect(of(executed.pod)).to.include({ profile: 'figures', mode: 'exec', emulator: otherQemu });
    };
    await expectBoth();
    expect(readlinkSync(`/proc/${forked.qemu}/exe`)).to.equal('/usr/bin/qemu-system-x86_64');
    // There is a link in /usr/bin on some.
    expect(basename(readlinkSync(`/proc/${executed.qemu}/exe`))).to.equal(basename(otherQemu));
    expect(libvirt.readDomainPid(forked.pod.vmName)).to.not.equal(forked.qemu);
    expect(libvirt.readDomainPid(executed.pod.vmName)).to.equal(executed.qemu);
    for (const name of ['net', 'ipc', 'uts', 'cgroup'] as const) {
      const isJoined = readNamespace(executed.qemu, name) === readNamespace(executed.pod.pid, name);
      expect(isJoined, name).to.equal(name === 'net');
      expect(readNamespace(forked.qemu, name), name).to.equal(readNamespace(forked.pod.pid, name));
    }
    expect(driver.log).to.not.include('A stub is in no profile');

    await driver.end('SIGKILL');
    await driver.start();
    await expectBoth();
    const processes = [identify(forked.qemu), identify(executed.qemu)];
    for (const { pod } of [forked, executed]) await libvirt.virsh(['destroy', pod.vmName]);
    expect(processes.map(isRunning)).to.deep.equal([false, false]);
    await waitUntil(
      'the daemon knows that both have ended',
      async () => ((await listMachines()).length === 0 ? true : undefined),
      5000,
    );
  });

  it('libvirt probes one again when its emulator is replaced, and not the other; the stub stays setuid', async () => {
    await probe(driver.emulator);
    await probe(figures);
    const [others, own] = [probesOf('default'), probesOf('figures')];
    const before = statSync(figures);
    const otherCtime = statSync(driver.emulator).ctimeMs;

    writeEmulator('figures');
    await waitForBump(figures, localOf('figures'));
    const after = statSync(figures);
    expect(Math.floor(after.ctimeMs / 1000)).to.be.greaterThan(Math.floor(before.ctimeMs / 1000));
    expect(after.mode & 0o7777).to.equal(0o4750);
    for (const key of ['uid', 'gid', 'mtimeMs', 'ino'] as const)
      expect(after[key], key).to.equal(before[key]);
    expect(statSync(driver.emulator).ctimeMs).to.equal(otherCtime);

    await probe(driver.emulator);
    await probe(figures);
    expect(probesOf('figures')).to.be.greaterThan(own);
    expect(probesOf('default')).to.equal(others);
    await waitUntil(
      'it is in the log',
      () => (driver.log.includes('Libvirt will probe a profile again') ? true : undefined),
      2000,
    );
    // And its VMs start.
    await start(figures);
  });

  it('an upgraded stub is that of its profile at once', async () => {
    copyFileSync(figures, `${figures}.new`);
    chownSync(`${figures}.new`, 0, libvirt.account.gid);
    chmodSync(`${figures}.new`, 0o4750);
    renameSync(`${figures}.new`, figures);
    const { pod } = await start(figures);
    expect((await listMachines()).find(({ vm }) => vm.uuid === pod.vmUuid)).to.include({
      profile: 'figures',
    });
  });

  it('a user may launch by the profile that names him, and by no other', async () => {
    const { uid } = libvirt.account;
    const pod = await startPod();
    await define(pod, restricted);
    const { stderr } = await libvirt.virsh(['start', pod.vmName], { allowFailure: true });
    expect(findRefusals(stderr)).to.deep.equal([notByProfile(uid, 'restricted')]);
    for (const [stub, profile] of [
      [driver.emulator, 'default'],
      [figures, 'figures'],
    ] as const)
      expect(await refusal(await launch(stub, RESTRICTED_UID))).to.include(
        `it is not allowed to by profile "${profile}"`,
      );

    const allowed = await launch(restricted, RESTRICTED_UID);
    await allowed.waitForLine('ready');
    expect(await listMachines()).to.have.lengthOf(1);
    allowed.stub.kill('SIGTERM');
    await allowed.ended;
  });

  it('neither argv[0], nor a hard link, nor a symbolic link gives a stub the settings of another profile', async () => {
    const expectDefault = async (started: FakeLaunch): Promise<void> => {
      expect(await refusal(started)).to.include('it is not allowed to by profile "default"');
    };
    const renamed = ['bash', '-c', 'exec -a "$0" "$@"', restricted];
    await expectDefault(await launch(driver.emulator, RESTRICTED_UID, { through: renamed }));

    const hard = join(scratch.directory, 'qemu-system-x86_64');
    linkSync(driver.emulator, hard);
    await expectDefault(await launch(hard, RESTRICTED_UID));
    rmSync(hard);

    const soft = join(restricted, '../qemu-system-i386');
    symlinkSync(driver.emulator, soft);
    await expectDefault(await launch(soft, RESTRICTED_UID));
    rmSync(soft);

    linkSync(driver.emulator, soft);
    expect(await refusal(await launch(soft, RESTRICTED_UID))).to.match(
      /^Cannot tell the profile of the stub: ".*" and ".*" are one file; make one of them a copy$/,
    );
    rmSync(soft);
  });

  it('a copy elsewhere has the settings of the node, which the log says once', async () => {
    const copy = join(scratch.directory, 'elsewhere/qemu-system-x86_64');
    mkdirSync(join(copy, '..'), { mode: 0o755 });
    symlinkSync('/usr/bin/qemu-system-x86_64', join(copy, '../local'));
    copyFileSync(driver.emulator, copy);
    chownSync(copy, 0, libvirt.account.gid);
    chmodSync(copy, 0o4750);
    for (let starts = 0; starts < 2; starts++) {
      const { pod } = await start(copy);
      expect(await listMachines()).to.have.lengthOf(1);
      expect((await listMachines())[0]).to.include({ profile: '', mode: 'fork' });
      await libvirt.virsh(['destroy', pod.vmName]);
    }
    expect(driver.log.split('A stub is in no profile')).to.have.lengthOf(2);
    expect(driver.log).to.include(copy);
  });

  it('a stub of the other mode is refused with the setting that would allow it', async () => {
    const stub = join(figures, '../qemu-system-i386');
    copyFileSync(driver.emulator, stub);
    chownSync(stub, 0, libvirt.account.gid);
    chmodSync(stub, 0o4750);
    expect(await refusal(await launch(stub, libvirt.account.uid))).to.equal(
      'Cannot launch in fork mode: profile "figures" is configured for exec mode; install "qemu-kube-exec" as the ' +
        'emulator, or set "profile.figures.mode = fork" in qemu-kube.conf',
    );
    rmSync(stub);
  });
});
