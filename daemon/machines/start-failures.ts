import { Refusal } from '../errors.ts';
import { shimProtocolVersion } from './shim-message.ts';

export function endedEarly(): Refusal {
  return new Refusal(
    'launch-failed',
    'Cannot start the VM: its supervisor "qemu-kube-shim" ended before QEMU ran',
    'start the VM again, and look into the kernel log of the node if that does not help',
  );
}

export function tookTooLong(): Refusal {
  return new Refusal(
    'launch-failed',
    'Cannot start the VM: its supervisor "qemu-kube-shim" did not get QEMU to run in time',
    'check the file systems of the pod and of the node, and start the VM again',
  );
}

/** @param version that the shim speaks */
export function otherRelease(version: number): Refusal {
  return new Refusal(
    'launch-failed',
    `Cannot start the VM: its supervisor "qemu-kube-shim" speaks version ${version} of the shim protocol, and this ` +
      `node driver version ${shimProtocolVersion}`,
    'set "library-directory" to the programs of the same release',
  );
}
