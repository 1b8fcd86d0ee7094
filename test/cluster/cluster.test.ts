import { expect } from 'chai';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findCgroup } from '../support/cgroups.ts';
import { startLibvirt, type LibvirtHost } from '../support/libvirt-host.ts';
import { identify, isRunning, readNamespace, type ProcessIdentity } from '../support/processes.ts';
import { listMountsBelow } from '../support/remove-scratch.ts';
import { Scratch } from '../support/scratch.ts';
import { findRefusals } from '../support/start-bench.ts';
import { waitUntil } from '../support/wait-until.ts';
import { listGrantedVerbs, readAuditedVerbs, type PolicyRule } from './audited-verbs.ts';
import { startCluster, type Cluster } from './cluster.ts';
import { InstalledDriver } from './installed-driver.ts';
import { startLauncherPod, type LauncherPod } from './launcher-pod.ts';

const deploy = join(import.meta.dirname, '../../deploy');
const ENDING_MS = 10_000;

describe('the driver in Kubernetes', function () {
  this.timeout(900_000);
  // Each test goes on where the one before it ended.
  this.bail(true);
  let scratch: Scratch;
  let cluster: Cluster;
  let driver: InstalledDriver;
  let libvirt: LibvirtHost;
  let pod: LauncherPod;
  let qemu: ProcessIdentity;

  before(async () => {
    const programs = process.env['KND_KUBERNETES'];
    if (programs === undefined)
      throw new Error('Cannot find the programs of Kubernetes: run "npm run test:cluster"');
    scratch = Scratch.open('test');
    cluster = await startCluster(scratch, programs);
    driver = new InstalledDriver(cluster);
    await driver.prepare();
  });
  after(() => scratch.close());

  const define = async (host: LibvirtHost, of: LauncherPod, secret = of.secret): Promise<void> =>
    host.define({
      name: of.vmName,
      uuid: of.vmUuid,
      emulator: driver.emulator,
      serialSocket: `/var/lib/libvirt/qemu/${of.vmName}.sock`,
      environment: {
        KUBEVIRT_IO_VM_UUID: of.vmUuid,
        KUBEVIRT_IO_VM_NAME: of.vmName,
        KUBEVIRT_IO_SECRET: secret,
      },
    });
  /** Starts a VM, and expects its emulator alone beside the launcher, and in the pod. */
  const start = async (host: LibvirtHost, of: LauncherPod, secret = of.secret): Promise<ProcessIdentity> => {
    await define(host, of, secret);
    await host.virsh(['start', of.vmName]);
    const [pid, ...others] = of.emulators;
    if (pid === undefined) throw new Error('There is no QEMU in the pod');
    expect(others).to.deep.equal([]);
    for (const name of ['net', 'ipc', 'uts', 'cgroup'] as const)
      expect(readNamespace(pid, name), name).to.equal(readNamespace(of.pid, name));
    // Its mount namespace is a copy of the pod's.
    expect(readFileSync(`/proc/${pid}/root/etc/hostname`, 'utf8').trim()).to.equal(of.name);
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).to.equal(
      readFileSync(`/proc/${of.pid}/cgroup`, 'utf8'),
    );
    return identify(pid);
  };
  const expectKnown = async (): Promise<void> => {
    const machines = await driver.run(['machines', 'list', '--json']);
    expect(machines).to.include(pod.vmUuid).and.include(`"pid":${qemu.pid},`).and.include(pod.uid);
  };

  it('its manifests are accepted by the API server', async () => {
    await cluster.kubectl(['create', 'namespace', 'kubevirt-node-driver']);
    const overlays = readdirSync(join(deploy, 'overlays')).map((name) => join(deploy, 'overlays', name));
    for (const directory of [...overlays, driver.overlay])
      await cluster.kubectl(['apply', '--dry-run=server', '--kustomize', directory]);
    await cluster.kubectl(['apply', '--dry-run=server', '--filename', join(deploy, 'install.yaml')]);
  });

  it('its DaemonSet becomes ready', async () => {
    await driver.apply();
    expect(await driver.listPods()).to.have.lengthOf(1);
  });

  it('libvirt on the node starts a VM in the pod of its launcher', async () => {
    libvirt = await startLibvirt(scratch);
    pod = await startLauncherPod(cluster, 'first');
    qemu = await start(libvirt, pod);
    await expectKnown();
    await waitUntil(
      'an event says that it runs',
      async () => (await pod.listEvents()).find(({ reason }) => reason === 'VirtualMachineStarted'),
      ENDING_MS,
      200,
    );
  });

  it('libvirt in a container starts a VM in the pod of its launcher', async () => {
    const other = Scratch.open('test');
    try {
      const container = { hostPid: false, mounts: driver.libvirtMounts, capabilities: ['CAP_SYS_NICE'] };
      const contained = await startLibvirt(other, { container });
      const second = await startLauncherPod(cluster, 'second');
      const { pid } = await start(contained, second);
      expect(readNamespace(pid, 'pid')).to.equal(readNamespace(contained.libvirtd.pid, 'pid'));
      await contained.virsh(['destroy', second.vmName]);
      expect(second.emulators).to.deep.equal([]);
      await second.delete();
    } finally {
      await other.close();
    }
  });

  it('a token that Kubernetes made for the pod counts as its secret', async () => {
    const second = await startLauncherPod(cluster, 'token');
    await start(libvirt, second, `service-account-token:${await second.makeToken()}`);
    await libvirt.virsh(['destroy', second.vmName]);
    expect(second.emulators).to.deep.equal([]);
    await second.delete();
  });

  it('a wrong secret is refused, and an event on the pod says so each time', async () => {
    const second = await startLauncherPod(cluster, 'refused');
    await define(libvirt, second, 'not what the pod has');
    for (const count of [1, 2]) {
      const { status, stderr } = await libvirt.virsh(['start', second.vmName], { allowFailure: true });
      expect(status).to.not.equal(0);
      const [line = ''] = findRefusals(stderr);
      expect(line).to.include('secret');
      expect(second.emulators).to.deep.equal([]);
      const event = await waitUntil(
        `there is an event, ${count} times`,
        async () =>
          (await second.listEvents()).find(
            (each) => each.reason === 'VirtualMachineRefused' && each.count === count,
          ),
        ENDING_MS,
        200,
      );
      expect(event.type).to.equal('Warning');
      expect(event.message).to.include(line);
    }
    await second.delete();
  });

  it('`kubectl rollout restart` leaves the VM running, and the next daemon has it', async () => {
    const before = await driver.listPods();
    await driver.restart();
    expect(await driver.listPods()).to.not.have.members(before);
    expect(isRunning(qemu)).to.equal(true);
    await expectKnown();
  });

  it('`kubectl delete` of the DaemonSet leaves the VM running, and the next daemon has it', async () => {
    await driver.deleteDaemonSet();
    expect(await driver.listPods()).to.deep.equal([]);
    expect(isRunning(qemu)).to.equal(true);
    expect(pod.emulators).to.deep.equal([qemu.pid]);
    await driver.apply();
    await expectKnown();
    const { stdout } = await libvirt.virsh(['domstate', pod.vmName]);
    expect(stdout.trim()).to.equal('running');
  });

  it('the end of the pod ends the VM, and leaves no process, cgroup, mount or record', async () => {
    await pod.delete();
    await waitUntil('QEMU has ended', () => (isRunning(qemu) ? undefined : true), ENDING_MS);
    await waitUntil(
      "the pod's cgroups are gone",
      () => (findCgroup(pod.cgroup).length === 0 ? true : undefined),
      ENDING_MS,
    );
    await waitUntil(
      'nothing is kept of the launch',
      () => (driver.listLaunches().length === 0 ? true : undefined),
      ENDING_MS,
    );
    await waitUntil('no shim runs', () => (driver.listShims().length === 0 ? true : undefined), ENDING_MS);
    expect(listMountsBelow(join(cluster.kubelet.directory, 'pods', pod.uid))).to.deep.equal([]);
  });

  it('the daemon has used every right that it has, and asked for no other', async () => {
    const role = (await cluster.get(['clusterrole', 'kubevirt-node-driver'])) as {
      readonly rules: readonly PolicyRule[];
    };
    const { allowed, forbidden } = readAuditedVerbs(
      readFileSync(cluster.controlPlane.auditLog, 'utf8'),
      driver.account,
    );
    expect(forbidden).to.deep.equal([]);
    expect(allowed).to.deep.equal(listGrantedVerbs(role.rules));
  });
});
