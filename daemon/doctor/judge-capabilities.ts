import { keptCapabilities } from '../host/harden-process.ts';
import { newFinding, type Finding } from './finding.ts';

/** Without one of these no VM starts; the others serve what not every launch needs. */
const needed: ReadonlySet<string> = new Set([
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_ADMIN',
]);

/** @param effective `CapEff` of the daemon, or of who would start it */
export function judgeCapabilities(effective: bigint): readonly Finding[] {
  const missing = [...keptCapabilities].filter(([, bit]) => ((effective >> BigInt(bit)) & 1n) === 0n);
  if (missing.length === 0)
    return [newFinding('ok', `all ${keptCapabilities.size} that docs/security.md lists`)];
  const names = missing.map(([name]) => name);
  const lacking = names.filter((name) => needed.has(name));
  const add = names.map((name) => name.replace(/^CAP_/u, '')).join(', ');
  return [
    newFinding(
      lacking.length > 0 ? 'failure' : 'warning',
      lacking.length > 0
        ? `${names.join(', ')} missing: no VM can start without ${lacking.join(', ')}`
        : `${names.join(', ')} missing: some launches need it (docs/security.md)`,
      { remedy: `run it as root, or in a container with securityContext.capabilities.add: [${add}]` },
    ),
  ];
}
