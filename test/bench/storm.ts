import { setTimeout as delay } from 'node:timers/promises';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { bundledDaemon } from './bundled-daemon.ts';
import { describeMachine, percentile, renderTable } from './figures.ts';
import { residentMib } from './resident-mib.ts';
import { showProgress } from './show-progress.ts';
import { timedEmulator, timedEmulatorMount, timeLaunch } from './time-launch.ts';

const STORM = 200;
const RATE_PER_SECOND = 20;
/** Five minutes in the full benchmark. */
const HOLD_S = Number(process.env['KND_BENCH_HOLD_S'] ?? 30);

export interface Storm {
  /** Milliseconds from the exec of a stub to the first instruction of its emulator. */
  readonly atOnce: readonly number[];
  readonly steady: readonly number[];
  readonly failures: readonly string[];
  /** MiB of the daemon, at the end of each tenth of the hold. */
  readonly memory: readonly number[];
  readonly machine: string;
}

/** 200 VMs of a node that start at once, and then so many a second for a while. */
export async function measureStorm(): Promise<Storm> {
  const scratch = Scratch.open('test');
  const failures: string[] = [];
  try {
    const driver = await startNodeDriver(scratch, {
      ...(await bundledDaemon(scratch)),
      settings: {
        emulator: timedEmulator,
        'secret-lifetime': '24h',
        'launch-connections': '256',
        'launch-rate': 'off',
      },
    });
    const pods: Sandbox[] = [];
    while (pods.length < STORM) {
      const name = `storm-${pods.length}`;
      pods.push(await startSandbox(scratch, { vmUuid: name, vmName: name, mounts: [timedEmulatorMount] }));
      showProgress(`pod ${pods.length} of ${STORM}`);
    }
    const atOnce = await Promise.all(pods.map((pod) => timeLaunch(driver, pod, failures)));
    const { steady, memory } = await hold(driver, pods, failures);
    return { atOnce, steady, failures, memory, machine: describeMachine() };
  } finally {
    await scratch.close();
  }
}

async function hold(
  driver: NodeDriver,
  pods: readonly Sandbox[],
  failures: string[],
): Promise<Pick<Storm, 'steady' | 'memory'>> {
  const started: Promise<number>[] = [];
  const memory: number[] = [];
  const count = HOLD_S * RATE_PER_SECOND;
  const begin = performance.now();
  for (let index = 0; index < count; index++) {
    await delay(Math.max(0, begin + (index * 1000) / RATE_PER_SECOND - performance.now()));
    const pod = pods[index % pods.length];
    if (pod !== undefined) started.push(timeLaunch(driver, pod, failures));
    if ((index + 1) % Math.ceil(count / 10) === 0) memory.push(residentMib(driver.process.pid));
  }
  return { steady: await Promise.all(started), memory };
}

export function renderStorm({ atOnce, steady, failures, memory, machine }: Storm): string {
  const row = (name: string, times: readonly number[]): readonly string[] => [
    name,
    ...[0.5, 0.95, 0.99, 1].map((part) => `${percentile(times, part).toFixed(0)} ms`),
    String(times.length),
  ];
  return [
    renderTable(
      ['start to end of a stub', 'p50', 'p95', 'p99', 'max', 'n'],
      [row(`${STORM} at once`, atOnce), row(`${RATE_PER_SECOND} a second for ${HOLD_S} s`, steady)],
    ),
    `${failures.length} launches failed${failures[0] === undefined ? '' : `, e.g. with ${failures[0]}`}`,
    `RSS of the daemon meanwhile: ${memory.map((mib) => mib.toFixed(0)).join(', ')} MiB`,
    machine,
  ].join('\n');
}
