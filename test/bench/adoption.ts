import { Scratch } from '../support/scratch.ts';
import { bundledDaemon } from './bundled-daemon.ts';
import { BusyNode } from './busy-node.ts';
import { describeMachine, median, renderTable } from './figures.ts';
import { showProgress } from './show-progress.ts';

const REAL = 10;
const STAND_INS = Number(process.env['KND_BENCH_MACHINES'] ?? 100) - REAL;
const ROUNDS = 5;

interface Figure {
  readonly name: string;
  /** Milliseconds, one a round. */
  readonly samples: readonly number[];
}

export interface Adoption {
  readonly peer: Figure;
  readonly own: Figure;
  readonly ratio: number;
  readonly machine: string;
}

/** The daemon's start on an empty node is the peer: what is beyond it is the price of the machines. */
export async function measureAdoption(): Promise<Adoption> {
  const empty: number[] = [];
  const full: number[] = [];
  const idle = Scratch.open('test');
  const busy = Scratch.open('test');
  try {
    const peer = await BusyNode.start(idle, { standIns: 0, real: 0, driver: await bundledDaemon(idle) });
    const node = await BusyNode.start(busy, {
      standIns: STAND_INS,
      real: REAL,
      driver: await bundledDaemon(busy),
      onProgress: (started) => showProgress(`${started} of ${STAND_INS + REAL} VMs`),
    });
    for (let round = 0; round < ROUNDS; round++) {
      await peer.driver.end('SIGKILL');
      empty.push(await peer.readopt(0));
      await node.driver.end('SIGKILL');
      full.push(await node.readopt(STAND_INS + REAL));
    }
  } finally {
    await busy.close();
    await idle.close();
  }
  return {
    peer: { name: 'start, no machine', samples: empty },
    own: { name: `start, ${STAND_INS + REAL} machines re-adopted`, samples: full },
    ratio: median(full) / median(empty),
    machine: describeMachine(),
  };
}

export function renderAdoption({ peer, own, ratio, machine }: Adoption): string {
  const rows = [peer, own].map(({ name, samples }) => [
    name,
    `${median(samples).toFixed(0)} ms`,
    `${Math.min(...samples).toFixed(0)}-${Math.max(...samples).toFixed(0)} ms`,
  ]);
  return [
    renderTable(['a restart of the daemon', 'median', 'range'], rows),
    `ratio ${ratio.toFixed(2)}`,
    `${machine}, ${ROUNDS} rounds, interleaved`,
  ].join('\n');
}
