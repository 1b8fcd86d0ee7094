import type { MachineRegistry } from '../machines/machine-registry.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** Tells log and metrics how each machine ended, once. */
export function noteExits(
  registry: MachineRegistry,
  logger: Pick<Logger, 'info'>,
  metrics: Pick<Metrics, 'machineExited'>,
): void {
  registry.subscribe(({ kind: change, machine, before }) => {
    if (change === 'removed' || machine.exit === undefined || before?.exit !== undefined) return;
    metrics.machineExited(machine.exit.reason);
    const { launchId, vm, podUid, exit } = machine;
    logger.info('A VM ended', {
      launchId,
      vmUuid: vm.uuid,
      podUid,
      kind: exit.kind,
      value: exit.value,
      reason: exit.reason,
    });
  });
}
