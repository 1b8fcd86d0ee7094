import type { LibvirtHost } from './libvirt-host.ts';
import type { NodeDriver } from './node-driver.ts';
import { identify, type ProcessIdentity } from './processes.ts';
import type { Sandbox } from './sandbox.ts';

/** Has libvirt start the VM of a sandbox by the stub; gives its QEMU. */
export async function startDomainInPod(
  libvirt: LibvirtHost,
  driver: NodeDriver,
  sandbox: Sandbox,
): Promise<ProcessIdentity> {
  const { vmName, vmUuid, secret = '' } = sandbox;
  await libvirt.define({
    name: vmName,
    uuid: vmUuid,
    emulator: driver.emulator,
    serialSocket: `/var/lib/libvirt/qemu/${vmName}.sock`,
    environment: { KUBEVIRT_IO_VM_UUID: vmUuid, KUBEVIRT_IO_VM_NAME: vmName, KUBEVIRT_IO_SECRET: secret },
  });
  await libvirt.virsh(['start', vmName]);
  const [pid] = sandbox.processes.filter((each) => each !== sandbox.pid);
  if (pid === undefined) throw new Error('There is no QEMU in the pod');
  return identify(pid);
}
