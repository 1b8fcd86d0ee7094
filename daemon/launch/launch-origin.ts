import { cgroupIdentity } from '../target/cgroup-identity.ts';
import type { PinnedCaller } from './caller.ts';

const LONGEST = 4096;

/**
 * Whom a caller's load is counted against: its user within its pod, or else within its cgroups. A QEMU that got out of
 * hand has the user of libvirt's stubs, but is not where libvirt runs them, and can't go there.
 */
export function launchOrigin({ credentials, process }: PinnedCaller, kubepodsBase: string | null): string {
  const text = process.readText('cgroup');
  const identity = cgroupIdentity(text, kubepodsBase);
  const place = 'reject' in identity ? identity.reject : (identity.podUid ?? text.slice(0, LONGEST));
  return `${credentials.uid} ${place}`;
}
