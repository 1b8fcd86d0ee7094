import { keptCapabilities } from '../../daemon/host/harden-process.ts';
import { readStatusFields } from './processes.ts';
import { findDaemonContainer, findDaemonSet, readInstallManifests } from './manifests.ts';

/** By their names, as far as a container of the DaemonSet may ask for them. */
const bits: ReadonlyMap<string, number> = new Map([...keptCapabilities, ['CAP_FSETID', 4]]);

/** The capabilities that the DaemonSet asks for its daemon, as far as this machine has them. */
export function daemonSetCapabilities(): readonly string[] {
  const { securityContext } = findDaemonContainer(findDaemonSet(readInstallManifests()));
  return keepPresent(securityContext?.capabilities?.add ?? []);
}

/**
 * Names of capabilities with their prefix, without those that nobody here has: containers that the tests run in may lack
 * one, and can give it to no container then.
 */
export function keepPresent(names: readonly string[]): readonly string[] {
  const bounding = BigInt(`0x${readStatusFields(process.pid).get('CapBnd') ?? '0'}`);
  return names
    .map((name) => `CAP_${name}`)
    .filter((name) => {
      const bit = bits.get(name);
      if (bit === undefined) throw new Error(`The DaemonSet asks for ${name}, which the daemon gives up`);
      return (bounding & (1n << BigInt(bit))) !== 0n;
    });
}
