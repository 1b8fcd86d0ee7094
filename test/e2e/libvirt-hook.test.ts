import { expect } from 'chai';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startLibvirt, type LibvirtHost } from '../support/libvirt-host.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { runNodeDriver } from '../support/run-command-line.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';

const vmUuid = '0d0b3c54-64ab-4f57-9d9c-000000000001';
const vmName = 'hooked';
const machineQemu = '/usr/bin/qemu-system-x86_64';

describe("a libvirt with the driver's hook", function () {
  this.timeout(90_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let libvirt: LibvirtHost;
  let sandbox: Sandbox;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch);
    sandbox = await startSandbox(scratch, { vmUuid, vmName });
    // Before libvirt starts, which looks then whether it has hooks at all.
    const hooks = join(scratch.directory, 'libvirt/etc/hooks');
    mkdirSync(hooks, { recursive: true, mode: 0o755 });
    const target = join(driver.emulator, '../..');
    const place = ['--target', target, '--profile', 'other', '--emulator', 'qemu-system-x86_64'];
    const { status, err } = await runNodeDriver('install', ...place, '--hook', hooks);
    expect({ status, err }).to.deep.equal({ status: 0, err: '' });
    libvirt = await startLibvirt(scratch);
  });
  after(() => scratch.close());
  afterEach(() => libvirt.virsh(['destroy', vmName], { allowFailure: true }));

  const define = (emulator: string, environment?: Readonly<Record<string, string>>): Promise<void> =>
    libvirt.define({
      name: vmName,
      uuid: vmUuid,
      emulator,
      serialSocket: '/var/lib/libvirt/qemu/serial.sock',
      ...(environment && { environment }),
    });
  const identity = (): Readonly<Record<string, string>> => ({
    KUBEVIRT_IO_VM_UUID: vmUuid,
    KUBEVIRT_IO_VM_NAME: vmName,
    KUBEVIRT_IO_SECRET: sandbox.secret ?? '',
  });

  it("does not start a pod's VM by another emulator than the stub, and says why", async () => {
    await define(machineQemu, identity());
    const { status, stderr } = await libvirt.virsh(['start', vmName], { allowFailure: true });
    expect(status).to.equal(1);
    expect(stderr).to.match(
      /Cannot start the VM: it belongs to a pod, but its emulator is \/usr\/bin\/qemu-system-x86_64; set <emulator>/,
    );
    expect(sandbox.processes).to.deep.equal([sandbox.pid]);
    expect((await libvirt.virsh(['domstate', vmName])).stdout.trim()).to.equal('shut off');
  });

  it('starts it by the stub', async () => {
    await define(driver.emulator, identity());
    await libvirt.virsh(['start', vmName]);
    expect(sandbox.processes).to.have.lengthOf(2);
  });

  it('starts a VM that belongs to no pod by whatever emulator it names', async () => {
    await define(machineQemu);
    await libvirt.virsh(['start', vmName]);
    expect((await libvirt.virsh(['domstate', vmName])).stdout.trim()).to.equal('running');
  });
});
