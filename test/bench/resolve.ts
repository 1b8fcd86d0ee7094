import { join } from 'node:path';
import { createApiClient } from '../../daemon/api/api-client.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { Crowd } from './crowd.ts';
import { bundledDaemon } from './bundled-daemon.ts';
import { describeMachine, median, percentile, renderTable } from './figures.ts';
import { showProgress } from './show-progress.ts';

/** Processes on the node, and pods of other VMs among them. */
interface Size {
  readonly processes: number;
  readonly pods: number;
}

const SIZES: readonly Size[] = [
  { processes: 300, pods: 1 },
  { processes: 2000, pods: 50 },
  { processes: 8000, pods: 50 },
  ...(process.env['KND_BENCH_LARGE'] === 'yes' ? [{ processes: 20_000, pods: 500 }] : []),
];
const ROUNDS = Number(process.env['KND_BENCH_ROUNDS'] ?? 15);
const WARM_A_ROUND = 20;
/** So many calls make V8 compile what they take. */
const WARM_UP = 200;
const scan = join(import.meta.dirname, '../fixtures/build/scan-processes');

/** Milliseconds each. */
export interface ResolveFigures extends Size {
  /** A call of the API. */
  readonly warm: readonly number[];
  /** The first call to a daemon that has just become ready. */
  readonly cold: readonly number[];
  readonly pipeline: readonly number[];
  readonly plainScan: readonly number[];
}

export interface Resolve {
  readonly sizes: readonly ResolveFigures[];
  readonly rounds: number;
  readonly machine: string;
}

/** How long it takes to find the pod of a VM, beside what a script would do and a plain scan in C. */
export async function measureResolve(wanted = SIZES, rounds = ROUNDS): Promise<Resolve> {
  const sizes: ResolveFigures[] = [];
  const scratch = Scratch.open('test');
  try {
    const crowd = new Crowd(scratch);
    const driver = await startNodeDriver(scratch, await bundledDaemon(scratch));
    const pods: Sandbox[] = [];
    for (const size of wanted) {
      while (pods.length < size.pods) {
        const name = `bench-${pods.length}`;
        pods.push(await startSandbox(scratch, { vmUuid: name, vmName: name }));
      }
      await crowd.growTo(size.processes);
      const figures = { ...size, warm: [], cold: [], pipeline: [], plainScan: [] };
      for (let round = 0; round < rounds; round++) {
        showProgress(`${size.processes} processes, round ${round + 1} of ${rounds}`);
        await measureRound(driver, pods[round % pods.length]?.vmUuid ?? '', figures);
      }
      sizes.push(figures);
    }
  } finally {
    await scratch.close();
  }
  return { sizes, rounds, machine: describeMachine() };
}

interface Samples {
  readonly warm: number[];
  readonly cold: number[];
  readonly pipeline: number[];
  readonly plainScan: number[];
}

async function measureRound(driver: NodeDriver, uuid: string, samples: Samples): Promise<void> {
  await driver.end();
  await driver.start(5);
  const client = createApiClient({ socketPath: driver.apiSocket });
  try {
    const resolve = async (): Promise<number> => {
      const begin = performance.now();
      await client.resolveTarget({ uuid });
      return performance.now() - begin;
    };
    // The connection is none of its business.
    await client.listMachines();
    samples.cold.push(await resolve());
    for (let i = 0; i < WARM_UP; i++) await resolve();
    for (let i = 0; i < WARM_A_ROUND; i++) samples.warm.push(await resolve());
  } finally {
    client.close();
  }
  const begin = performance.now();
  await runCommand('sh', ['-c', 'ps aux | grep "virt-launcher.*$1" | grep -v grep', 'sh', uuid]);
  samples.pipeline.push(performance.now() - begin);
  const { stdout } = await runCommand(scan, [uuid]);
  samples.plainScan.push(Number(stdout.split(' ')[0]) / 1000);
}

export function renderResolve({ sizes, rounds, machine }: Resolve): string {
  const smallest = median(sizes[0]?.warm ?? []);
  const rows = sizes.map(({ processes, pods, warm, cold, pipeline, plainScan }) => [
    `${processes} processes, ${pods} pods`,
    ...[median(warm), percentile(warm, 0.99), median(cold), median(pipeline), median(plainScan)].map(
      (value) => `${value.toFixed(2)} ms`,
    ),
    (median(pipeline) / median(warm)).toFixed(0),
    (median(cold) / median(plainScan)).toFixed(2),
    (median(warm) / smallest).toFixed(2),
  ]);
  const head = ['resolve a VM', 'warm', 'warm p99', 'cold', 'ps | grep', 'scan in C'];
  return [
    renderTable([...head, 'ps / warm', 'cold / C', 'growth'], rows),
    `medians; ${machine}, ${rounds} rounds, interleaved`,
  ].join('\n');
}
