import fs from 'node:fs';
import os from 'node:os';

import { hasCode } from '../errors.ts';
import { viewHost } from '../host/host-view.ts';
import { findLsmProblems } from '../install/find-lsm-problems.ts';
import type { ExaminedNode } from './examined-node.ts';
import type { Check } from './examination.ts';
import { newFinding, type Finding } from './finding.ts';
import { judgeCapabilities } from './judge-capabilities.ts';
import { judgeCgroups } from './judge-cgroups.ts';
import { judgeClock } from './judge-clock.ts';
import { judgeKernel, wantedCalls } from './judge-kernel.ts';
import { judgeLsm } from './judge-lsm.ts';

/** What the kernel lets this process do and see. */
export function lookAtProcess({ libc, config, root }: ExaminedNode): readonly Check[] {
  return [
    {
      name: 'kernel',
      look: () => {
        const calls = Object.entries(wantedCalls).map(
          ([name, { number }]) => [name, libc.callSupport(number)] as const,
        );
        return judgeKernel({ release: os.release(), calls: Object.fromEntries(calls) });
      },
    },
    { name: 'cgroups', look: () => judgeCgroups(viewHost(config.proc).hierarchies) },
    { name: 'namespaces', look: () => lookAtNamespaces(config.proc) },
    { name: 'capabilities', look: () => judgeCapabilities(effectiveCapabilities()) },
    { name: 'lsm', look: () => lookAtLsm(root) },
    { name: 'clock', look: () => lookAtClock(libc) },
  ];
}

function lookAtNamespaces(proc: string): readonly Finding[] {
  try {
    const { warnings } = viewHost(proc);
    if (warnings.length > 0) return warnings.map((warning) => newFinding('warning', warning));
    return [newFinding('ok', "the PID and cgroup namespaces are the node's")];
  } catch (error) {
    if (!(error instanceof Error) || 'code' in error) throw error;
    const [message = '', remedy = null] = error.message.split('; ');
    return [newFinding('failure', message, { remedy })];
  }
}

function effectiveCapabilities(): bigint {
  const digits = /^CapEff:\s*([0-9a-f]+)$/mu.exec(fs.readFileSync('/proc/self/status', 'latin1'))?.[1];
  return BigInt(`0x${digits ?? '0'}`);
}

function lookAtLsm(root: string): readonly Finding[] {
  const appArmor = readOr(`${root}/sys/module/apparmor/parameters/enabled`);
  const enforce = readOr(`${root}/sys/fs/selinux/enforce`);
  return judgeLsm({
    isAppArmorEnabled: appArmor.startsWith('Y'),
    hasProfile: /^qemu-kube /mu.test(readOr(`${root}/sys/kernel/security/apparmor/profiles`)),
    selinux: enforce === '' ? null : enforce.startsWith('1') ? 'enforcing' : 'permissive',
    problems: findLsmProblems(root),
  });
}

function lookAtClock(libc: ExaminedNode['libc']): readonly Finding[] {
  try {
    return judgeClock(libc.clockState());
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'ENOSYS')) throw error;
    return judgeClock({ isSynchronised: null, maxErrorUs: 0 });
  }
}

function readOr(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
