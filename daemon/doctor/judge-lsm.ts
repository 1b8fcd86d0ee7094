import type { Problem } from '../install/install-problem.ts';
import { newFinding, type Finding } from './finding.ts';

export interface LsmEvidence {
  readonly isAppArmorEnabled: boolean;
  /** Our profile of the stub is loaded. */
  readonly hasProfile: boolean;
  /** Null: the kernel has no SELinux, or it is off. */
  readonly selinux: 'enforcing' | 'permissive' | null;
  /** What stands against a VM. */
  readonly problems: readonly Problem[];
}

export function judgeLsm({
  isAppArmorEnabled,
  hasProfile,
  selinux,
  problems,
}: LsmEvidence): readonly Finding[] {
  if (problems.length > 0)
    return problems.map(({ code, cause, remedy }) => newFinding('failure', cause, { subject: code, remedy }));
  const facts = [
    ...(isAppArmorEnabled
      ? [
          `AppArmor is on, the profile of the stub ${hasProfile ? 'is loaded' : 'is not loaded, and libvirt is not confined'}`,
        ]
      : []),
    ...(selinux === null ? [] : [`SELinux is ${selinux}`]),
  ];
  return [newFinding('ok', facts.length === 0 ? 'neither AppArmor nor SELinux is on' : facts.join('; '))];
}
