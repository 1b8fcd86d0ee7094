import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { startSandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { bundledDaemon } from './bundled-daemon.ts';
import { describeMachine, median, renderTable } from './figures.ts';
import { residentMib } from './resident-mib.ts';

const STARTS = Number(process.env['KND_BENCH_STARTS'] ?? 1000);
const BOOTS = 10;
const IDLE_S = 30;
/** Of the kernel, on every architecture. */
const TICKS_PER_SECOND = 100;
const KIB = 1024;

export interface Footprint {
  /** Milliseconds from the daemon's start to ready; one a boot. */
  readonly ready: readonly number[];
  /** MiB. */
  readonly idleRss: number;
  readonly idlePss: number;
  /** MiB after a tenth of the starts, and after all of them. */
  readonly rssAfter: readonly [number, number];
  /** Of one core, rescans included. */
  readonly idleCpuPercent: number;
  /** KiB, of one that supervises a VM. */
  readonly shimPss: number;
  readonly stubPss: number;
  readonly machine: string;
}

/** What the driver takes of the node. */
export async function measureFootprint(): Promise<Footprint> {
  const scratch = Scratch.open('test');
  try {
    const settings = { emulator: fakeEmulator, 'secret-lifetime': '24h', 'launch-rate': 'off' };
    const driver = await startNodeDriver(scratch, { settings, ...(await bundledDaemon(scratch)) });
    const ready: number[] = [];
    for (let boot = 0; boot < BOOTS; boot++) {
      await driver.end();
      const begin = performance.now();
      await driver.start(2);
      ready.push(performance.now() - begin);
    }
    await delay(5000);
    const { pid } = driver.process;
    const [idleRss, idlePss] = [residentMib(pid), pss(pid) / KIB];
    const idleCpuPercent = await cpuPercent(pid);
    const pod = await startSandbox(scratch, { vmUuid: 'kept', vmName: 'kept', mounts: [fakeEmulatorMount] });
    const kept = launchFake(driver, pod, { args: ['wait'] });
    await kept.waitForLine('ready');
    const [, shim = 0] = (kept.facts('pid')[0] ?? '').split(' ').map(Number);
    const [shimPss, stubPss] = [pss(shim), pss(kept.pid)];
    kept.stub.kill('SIGTERM');
    await kept.ended;
    const first = await startMany(driver, pod, STARTS / 10);
    const last = await startMany(driver, pod, STARTS - STARTS / 10);
    return {
      ready,
      idleRss,
      idlePss,
      rssAfter: [first, last],
      idleCpuPercent,
      shimPss,
      stubPss,
      machine: describeMachine(),
    };
  } finally {
    await scratch.close();
  }
}

type Vm = Parameters<typeof launchFake>[1];

async function startMany(driver: NodeDriver, vm: Vm, count: number): Promise<number> {
  for (let start = 0; start < count; start++) {
    const launched = launchFake(driver, vm, { args: ['exit=0'] });
    if ((await launched.ended).status !== 0)
      throw new Error(`A start of the benchmark failed: ${launched.stderr.trim()}`);
  }
  return residentMib(driver.process.pid);
}

/** KiB. */
function pss(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1]);
}

function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

async function cpuPercent(pid: number): Promise<number> {
  const before = ticks(pid);
  await delay(IDLE_S * 1000);
  return ((ticks(pid) - before) / TICKS_PER_SECOND / IDLE_S) * 100;
}

export function renderFootprint(figures: Footprint): string {
  const { ready, idleRss, idlePss, rssAfter, idleCpuPercent, shimPss, stubPss, machine } = figures;
  const [first, last] = rssAfter;
  return [
    renderTable(
      ['what it takes', ''],
      [
        ['from start to ready, median', `${median(ready).toFixed(0)} ms`],
        ['daemon, idle: RSS', `${idleRss.toFixed(1)} MiB`],
        ['daemon, idle: PSS', `${idlePss.toFixed(1)} MiB`],
        ['daemon, idle: CPU of one core', `${idleCpuPercent.toFixed(2)} %`],
        [`daemon, RSS after ${STARTS / 10} starts`, `${first.toFixed(1)} MiB`],
        [`daemon, RSS after ${STARTS} starts`, `${last.toFixed(1)} MiB`],
        ['growth', `${((last / first - 1) * 100).toFixed(1)} %`],
        ['shim: PSS', `${shimPss} KiB`],
        ['stub: PSS', `${stubPss} KiB`],
      ],
    ),
    machine,
  ].join('\n');
}
