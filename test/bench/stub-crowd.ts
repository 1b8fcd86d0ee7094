import { startNodeDriver } from '../support/node-driver.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { startSandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { StubCrowd } from '../support/stub-crowd.ts';
import { bundledDaemon } from './bundled-daemon.ts';
import { describeMachine, percentile, renderTable } from './figures.ts';
import { showProgress } from './show-progress.ts';
import { timedEmulator, timedEmulatorMount, timeLaunch } from './time-launch.ts';

const ROUNDS = Number(process.env['KND_BENCH_ROUNDS'] ?? 4);
const LAUNCHES_A_ROUND = 25;
const WARM_UP = 5;
const STUBS = 1000;

export interface StubCrowdLoad {
  /** Milliseconds from the exec of the stub to the first instruction of the emulator, one a launch. */
  readonly idle: readonly number[];
  readonly crowded: readonly number[];
  readonly failures: readonly string[];
  /** Of the medians; the checklist asks for less than 2. */
  readonly ratio: number;
  readonly machine: string;
}

/** Honest launches in fork mode, a block of them alone and a block beside 1,000 stubs of another user, in turn. */
export async function measureStubCrowd(): Promise<StubCrowdLoad> {
  const idle: number[] = [];
  const crowded: number[] = [];
  const failures: string[] = [];
  const scratch = Scratch.open('test');
  try {
    const account = findQemuAccount();
    const uid = account.uid + 1;
    const pod = await startSandbox(scratch, {
      vmUuid: 'crowded',
      vmName: 'crowded',
      mounts: [timedEmulatorMount],
    });
    const driver = await startNodeDriver(scratch, {
      settings: {
        emulator: timedEmulator,
        'launch-users': `${account.uid}, ${uid}`,
        'secret-lifetime': '24h',
      },
      ...(await bundledDaemon(scratch, 'unit')),
    });
    const cgroup = StubCrowd.makeCgroup(scratch);
    const launch = (): Promise<number> => timeLaunch(driver, pod, failures);
    for (let count = 0; count < WARM_UP; count++) await launch();
    for (let round = 0; round < ROUNDS; round++) {
      showProgress(`round ${round + 1} of ${ROUNDS}`);
      for (let count = 0; count < LAUNCHES_A_ROUND; count++) idle.push(await launch());
      const crowd = await StubCrowd.gather(scratch, driver, { uid, size: STUBS, vm: pod, cgroup });
      crowd.go();
      for (let count = 0; count < LAUNCHES_A_ROUND; count++) crowded.push(await launch());
      await crowd.stop();
    }
  } finally {
    await scratch.close();
  }
  const ratio = percentile(crowded, 0.5) / percentile(idle, 0.5);
  return { idle, crowded, failures, ratio, machine: describeMachine() };
}

export function renderStubCrowd({ idle, crowded, failures, ratio, machine }: StubCrowdLoad): string {
  const row = (name: string, samples: readonly number[]): readonly string[] => [
    name,
    ...[0.5, 0.95].map((part) => `${percentile(samples, part).toFixed(1)} ms`),
    String(samples.length),
  ];
  return [
    renderTable(
      ['an honest launch', 'p50', 'p95', 'n'],
      [
        row('alone', idle),
        row(`beside ${STUBS} stubs of another user`, crowded),
        ['ratio', ratio.toFixed(2), '', ''],
      ],
    ),
    `${failures.length} launches failed${failures[0] === undefined ? '' : `, e.g. with ${failures[0]}`}`,
    `${machine}, ${ROUNDS} rounds, interleaved; the stubs share half a core`,
  ].join('\n');
}
