import { readFileSync } from 'node:fs';
import type { NodeDriver } from './node-driver.ts';
import { listDescendants, type ProcessStatus } from './processes.ts';
import { waitUntil } from './wait-until.ts';

/** A shim, or the process of one that becomes QEMU, which stopped itself at a failpoint. */
export function findStoppedShim(driver: Pick<NodeDriver, 'process'>): ProcessStatus | undefined {
  return listDescendants(driver.process).find(
    ({ pid, state }) => state === 'T' && readFileSync(`/proc/${pid}/comm`, 'latin1') === 'qemu-kube-shim\n',
  );
}

export function waitForStoppedShim(
  driver: Pick<NodeDriver, 'process'>,
  point: string,
): Promise<ProcessStatus> {
  return waitUntil(`a process stops at "${point}"`, () => findStoppedShim(driver), 10_000, 10);
}
