import { Refusal } from '../errors.ts';
import type { Machine } from '../machines/machine.ts';
import type { MachineRegistry } from '../machines/machine-registry.ts';

/**
 * The QEMU that stands in the way of another one of this VM in this pod.
 *
 * @param comesIn the guest comes from another pod of this node: it still runs there, and has the disks until it is here
 */
export function findRunning(
  registry: Pick<MachineRegistry, 'findLive' | 'findLiveElsewhere'>,
  vmUuid: string,
  podUid: string | null,
  comesIn: boolean,
): Machine | undefined {
  return (
    registry.findLive(vmUuid, podUid) ?? (comesIn ? undefined : registry.findLiveElsewhere(vmUuid, podUid))
  );
}

/** A second QEMU would write to the same disks. */
export function alreadyRunning({ vm, launchId, podUid }: Machine, asked: string | null): Refusal {
  const where = podUid === asked ? 'its pod' : `the pod ${podUid ?? 'without a UID'}`;
  return new Refusal(
    'already-running',
    `Cannot start VM "${vm.uuid}" again: launch ${launchId} still runs in ${where}`,
    podUid === asked
      ? 'destroy the domain first, or wait until its QEMU has ended'
      : 'destroy the domain there first, or migrate it; if it is no pod of this VM, remove it: it claims the VM with a secret of its own',
  );
}
