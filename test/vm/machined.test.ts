import { expect } from 'chai';
import { join } from 'node:path';
import { findCgroup, readCgroups } from '../support/cgroups.ts';
import { startLibvirt, type LibvirtHost } from '../support/libvirt-host.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { identify, isRunning, type ProcessIdentity } from '../support/processes.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';

const vmUuid = '5f0fbc1e-7d6a-4a8e-9d43-000000000001';
const vmName = 'registered';

describe('a VM of a libvirt that reaches systemd and machined', function () {
  this.timeout(90_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let libvirt: LibvirtHost;
  let sandbox: Sandbox;
  let qemu: ProcessIdentity;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch);
    libvirt = await startLibvirt(scratch, { dbus: true });
    sandbox = await startSandbox(scratch, { vmUuid, vmName });
    const environment = {
      KUBEVIRT_IO_VM_UUID: vmUuid,
      KUBEVIRT_IO_VM_NAME: vmName,
      KUBEVIRT_IO_SECRET: sandbox.secret ?? '',
    };
    await libvirt.define({
      name: vmName,
      uuid: vmUuid,
      emulator: driver.emulator,
      serialSocket: join(libvirt.directory, 'lib/qemu/serial.sock'),
      environment,
    });
    await libvirt.virsh(['start', vmName]);
    const [pid = 0] = sandbox.processes.filter((each) => each !== sandbox.pid);
    qemu = identify(pid);
  });
  after(() => scratch.close());

  const listMachines = async (): Promise<string> =>
    (await runCommand('machinectl', ['list', '--no-legend'])).stdout;

  it('is in the cgroup of its pod, while the stub is registered as the machine', async () => {
    const stub = libvirt.readDomainPid(vmName) ?? 0;
    expect(readCgroups(stub).get('')).to.match(/^\/machine\.slice\/machine-qemu.*\.scope/);
    expect(await listMachines()).to.include(vmName);
    expect([...readCgroups(qemu.pid)]).to.deep.equal([['', sandbox.cgroup]]);
  });

  it('stays there and keeps running when libvirtd is restarted', async () => {
    await libvirt.endLibvirtd('SIGKILL');
    await libvirt.startLibvirtd();
    const { stdout } = await libvirt.virsh(['domstate', vmName]);
    expect(stdout).to.include('running');
    expect(isRunning(qemu)).to.equal(true);
    expect([...readCgroups(qemu.pid)]).to.deep.equal([['', sandbox.cgroup]]);
  });

  it('ends by destroy, and leaves nothing registered and no cgroup', async () => {
    await libvirt.virsh(['destroy', vmName]);
    expect(isRunning(qemu)).to.equal(false);
    expect(sandbox.processes).to.deep.equal([sandbox.pid]);
    expect(await listMachines()).to.not.include(vmName);
    expect(findCgroup('/machine.slice/machine-qemu\\x2d1\\x2dregistered.scope')).to.deep.equal([]);
  });
});
