import { startNodeDriver } from '../support/node-driver.ts';
import { startSandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { ATTACKERS, Attackers, CONNECTIONS, FALSE_LAUNCHERS } from './attackers.ts';
import { bundledDaemon } from './bundled-daemon.ts';
import { describeMachine, percentile, renderTable } from './figures.ts';
import { showProgress } from './show-progress.ts';
import { timedEmulator, timedEmulatorMount, timeLaunch } from './time-launch.ts';

const ROUNDS = Number(process.env['KND_BENCH_ROUNDS'] ?? 12);
const LAUNCHES_A_ROUND = 25;
const WARM_UP = 5;
const VM_UUID = 'attacked';
const parts = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

export interface HostileLoad {
  /** Milliseconds from the exec of the stub to the first instruction of the emulator, one a launch. */
  readonly idle: readonly number[];
  readonly loaded: readonly number[];
  /** Launches that came to nothing, with what the stub said; their time counts. */
  readonly failures: readonly string[];
  readonly ratios: Readonly<Record<keyof typeof parts, number>>;
  readonly machine: string;
}

/** Honest launches in fork mode, a block of them idle and a block under attack, in turn. */
export async function measureHostileLoad(): Promise<HostileLoad> {
  const idle: number[] = [];
  const loaded: number[] = [];
  const failures: string[] = [];
  const scratch = Scratch.open('test');
  try {
    const options = { vmUuid: VM_UUID, vmName: 'attacked', mounts: [timedEmulatorMount] };
    const honest = await startSandbox(scratch, options);
    const settings = { emulator: timedEmulator, 'secret-lifetime': '24h' };
    const driver = await startNodeDriver(scratch, { settings, ...(await bundledDaemon(scratch, 'unit')) });
    const attackers = await Attackers.prepare(scratch, driver, VM_UUID);
    const launch = (): Promise<number> => timeLaunch(driver, honest, failures);
    for (let count = 0; count < WARM_UP; count++) await launch();
    for (let round = 0; round < ROUNDS; round++) {
      showProgress(`round ${round + 1} of ${ROUNDS}`);
      for (let count = 0; count < LAUNCHES_A_ROUND; count++) idle.push(await launch());
      await attackers.start();
      for (let count = 0; count < LAUNCHES_A_ROUND; count++) loaded.push(await launch());
      await attackers.stop();
    }
  } finally {
    await scratch.close();
  }
  const ratio = (part: number): number => percentile(loaded, part) / percentile(idle, part);
  const ratios = { p50: ratio(parts.p50), p95: ratio(parts.p95), p99: ratio(parts.p99) };
  return { idle, loaded, failures, ratios, machine: describeMachine() };
}

export function renderHostileLoad({ idle, loaded, failures, ratios, machine }: HostileLoad): string {
  const row = (name: string, samples: readonly number[]): readonly string[] => [
    name,
    ...Object.values(parts).map((part) => `${percentile(samples, part).toFixed(1)} ms`),
    String(samples.length),
  ];
  return [
    renderTable(
      ['an honest launch', ...Object.keys(parts), 'n'],
      [
        row('idle', idle),
        row('under attack', loaded),
        ['ratio', ...Object.values(ratios).map((ratio) => ratio.toFixed(2)), ''],
      ],
    ),
    `attackers: ${ATTACKERS} pods with ${FALSE_LAUNCHERS} false launchers, ${ATTACKERS} with a FIFO, a device or a huge ` +
      `file as secret, ${ATTACKERS} callers with ${CONNECTIONS} connections; half a core for all of them`,
    `${failures.length} launches failed${failures[0] === undefined ? '' : `, e.g. with ${failures[0]}`}`,
    `${machine}, ${ROUNDS} rounds, interleaved`,
  ].join('\n');
}
