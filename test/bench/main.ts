/** `npm run bench`: what a restart of the daemon costs on a node with many VMs. `--json` for machines. */
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { Scratch } from '../support/scratch.ts';
import { BusyNode } from './busy-node.ts';

const STAND_INS = 90;
const REAL = 10;
const ROUNDS = 5;

interface Figure {
  readonly name: string;
  /** Milliseconds, one a round. */
  readonly samples: readonly number[];
}

function median(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? NaN;
}

/** The daemon's start on an empty node is the peer: what is beyond it is the price of the machines. */
async function measure(): Promise<readonly [Figure, Figure]> {
  const empty: number[] = [];
  const full: number[] = [];
  const idle = Scratch.open('test');
  const busy = Scratch.open('test');
  try {
    const peer = await BusyNode.start(idle, { standIns: 0, real: 0 });
    const node = await BusyNode.start(busy, {
      standIns: STAND_INS,
      real: REAL,
      onProgress: (started) => process.stderr.write(`\r${started} of ${STAND_INS + REAL} VMs`),
    });
    process.stderr.write('\n');
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
  return [
    { name: 'start, no machine', samples: empty },
    { name: `start, ${STAND_INS + REAL} machines re-adopted`, samples: full },
  ];
}

function render(figures: readonly Figure[], ratio: number): string {
  const rows = figures.map(({ name, samples }) => {
    const [low, middle, high] = [Math.min(...samples), median(samples), Math.max(...samples)];
    return `${name.padEnd(34)} ${middle.toFixed(0).padStart(8)} ${`${low.toFixed(0)}-${high.toFixed(0)}`.padStart(14)}`;
  });
  const facts = `${cpus().length} CPUs, Linux ${release()}, Node ${process.version}, ${ROUNDS} rounds, interleaved`;
  return [
    `${''.padEnd(34)} ${'ms'.padStart(8)} ${'range'.padStart(14)}`,
    ...rows,
    `ratio ${ratio.toFixed(2)}`,
    facts,
  ].join('\n');
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const [peer, own] = await measure();
const ratio = median(own.samples) / median(peer.samples);
console.log(
  values.json ? JSON.stringify({ adoption: { peer, own, ratio } }, undefined, 2) : render([peer, own], ratio),
);
