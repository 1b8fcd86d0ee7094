import { randomUUID } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupDirectory } from '../../daemon/host/host-cgroups.ts';
import { viewHost } from '../../daemon/host/host-view.ts';
import { parseCgroup } from '../../daemon/target/parse-cgroup.ts';
import { startLibvirt } from '../support/libvirt-host.ts';
import { startNodeDriver } from '../support/node-driver.ts';
import { startSandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { bundledDaemon } from './bundled-daemon.ts';
import { describeMachine, percentile, renderTable } from './figures.ts';
import { showProgress } from './show-progress.ts';

const ROUNDS = Number(process.env['KND_BENCH_ROUNDS'] ?? 40);
const WARM_UP = 2;
const joinPod = join(import.meta.dirname, '../fixtures/build/join-pod');
const QEMU = '/usr/bin/qemu-system-x86_64';

/** Milliseconds that `virsh start` takes, QEMU and all. */
export interface StartDomain {
  readonly samples: Readonly<Record<string, readonly number[]>>;
  readonly machine: string;
}

/**
 * One domain for QEMU itself, one for a program that joins the pod's cgroups and namespaces and does nothing else, and
 * one for each mode, started in turn by one libvirt.
 */
export async function measureStartDomain(): Promise<StartDomain> {
  const samples: Record<string, number[]> = {};
  const scratch = Scratch.open('test');
  try {
    const emulators: Record<string, string> = { bare: QEMU };
    for (const mode of ['fork', 'exec'] as const) {
      const own = Scratch.open('test');
      scratch.defer('end the driver', () => own.close());
      const driver = await startNodeDriver(own, {
        mode,
        settings: { 'secret-lifetime': '24h' },
        ...(await bundledDaemon(own)),
      });
      emulators[mode] = driver.emulator;
    }
    const libvirt = await startLibvirt(scratch);
    const pod = await startSandbox(scratch, { vmUuid: 'started', vmName: 'started' });
    emulators['by hand'] = installJoinPod(scratch, pod.pid);
    const secret = pod.secret ?? '';
    const domainOf = (name: string): string => `${scratch.id}-${name.replace(' ', '-')}`;
    for (const [name, emulator] of Object.entries(emulators))
      await libvirt.define({
        name: domainOf(name),
        uuid: randomUUID(),
        emulator,
        serialSocket: `/var/lib/libvirt/qemu/${domainOf(name)}.serial`,
        memory: 16,
        environment: { KUBEVIRT_IO_VM_UUID: 'started', KUBEVIRT_IO_SECRET: secret },
      });
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      showProgress(`round ${Math.max(0, round + 1)} of ${ROUNDS}`);
      // In another order each time: what is tidied up after one lies in the time of the next.
      const names = Object.keys(emulators);
      const first = (round + WARM_UP) % names.length;
      for (const name of [...names.slice(first), ...names.slice(0, first)]) {
        const { duration } = await libvirt.virsh(['start', domainOf(name)]);
        await libvirt.virsh(['destroy', domainOf(name)]);
        if (round >= 0) (samples[name] ??= []).push(duration);
      }
    }
  } finally {
    await scratch.close();
  }
  return { samples, machine: describeMachine() };
}

/** What no driver can do without: see the fixture. Gives the emulator. */
function installJoinPod(scratch: Scratch, pid: number): string {
  const directory = join(scratch.directory, 'by-hand');
  const emulator = join(directory, 'qemu-system-x86_64');
  mkdirSync(directory, { mode: 0o755 });
  copyFileSync(joinPod, emulator);
  chmodSync(emulator, 0o4755);
  const { hierarchies } = viewHost('/proc');
  const cgroups = (parseCgroup(readFileSync(`/proc/${pid}/cgroup`, 'latin1')) ?? []).flatMap((membership) => {
    const path = cgroupDirectory(hierarchies, membership);
    return path === null ? [] : [join(path, 'cgroup.procs')];
  });
  writeFileSync(join(directory, 'target'), `${[QEMU, pid, ...cgroups].join('\n')}\n`);
  return emulator;
}

/** The median of the differences within a round, and the interval that holds it with 95 % (by order statistics). */
function added(own: readonly number[], bare: readonly number[]): string {
  const differences = own.map((time, index) => time - (bare[index] ?? NaN)).toSorted((a, b) => a - b);
  const half = 0.98 * Math.sqrt(differences.length);
  const at = (rank: number): string =>
    (differences[Math.min(differences.length - 1, Math.max(0, Math.round(rank)))] ?? NaN).toFixed(1);
  const middle = (differences.length - 1) / 2;
  return `${at(middle)} ms [${at(middle - half)}, ${at(middle + half)}]`;
}

export function renderStartDomain({ samples, machine }: StartDomain): string {
  const bare = samples['bare'] ?? [];
  const rows = Object.entries(samples).map(([name, times]) => [
    name,
    ...[0.5, 0.95].map((part) => `${percentile(times, part).toFixed(1)} ms`),
    name === 'bare' ? '' : ` ${added(times, bare)}`,
  ]);
  return [
    renderTable(['virsh start', 'p50', 'p95', 'added'], rows),
    `${bare.length} rounds of one start each, interleaved; added: median of the differences, 95 % interval; ${machine}`,
  ].join('\n');
}
