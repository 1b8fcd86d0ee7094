import { keptCapabilities } from '../../daemon/host/harden-process.ts';
import { findDaemonContainer, findDaemonSet, readInstallManifests } from './manifests.ts';
import { readStatusFields } from './processes.ts';

/**
 * The capabilities that the DaemonSet asks for, as far as this machine has them: containers that the tests run in may lack
 * one, and can give it to nobody then.
 */
export function daemonSetCapabilities(): readonly string[] {
  const wanted =
    findDaemonContainer(findDaemonSet(readInstallManifests())).securityContext?.capabilities?.add ?? [];
  return wanted.map((name) => `CAP_${name}`).filter(isThere);
}

function isThere(name: string): boolean {
  const bit = keptCapabilities.get(name);
  if (bit === undefined) throw new Error(`The DaemonSet asks for ${name}, which the daemon gives up`);
  return (BigInt(`0x${readStatusFields(process.pid).get('CapBnd') ?? '0'}`) & (1n << BigInt(bit))) !== 0n;
}
