import { expect } from 'chai';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchMode } from '../../../daemon/machines/machine.ts';
import { Xorshift } from '../../fuzz/xorshift.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import {
  listProcesses,
  readArguments,
  signalProcess,
  type ProcessIdentity,
} from '../../support/processes.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { createWatchedApiClient } from '../../support/secret-watch/watched-api-client.ts';
import { Traffic } from '../../support/traffic.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** In each of the two modes; each takes a second. */
const KILLS = Number(process.env['KND_KILLS'] ?? 100);
const VMS = 3;
const SETTLE_MS = 5000;
const WARM_UP = 10;

interface Figures {
  readonly fds: number;
  readonly rss: number;
  readonly machines: number;
}

/** A node of one mode with a few pods. */
class Rig {
  readonly driver: NodeDriver;
  readonly pods: readonly Sandbox[];

  constructor(driver: NodeDriver, pods: readonly Sandbox[]) {
    this.driver = driver;
    this.pods = pods;
  }

  static async open(scratch: Scratch, mode: LaunchMode, vms: number): Promise<Rig> {
    const driver = await startNodeDriver(scratch, { mode, settings: { emulator: fakeEmulator } });
    const pods: Sandbox[] = [];
    for (let index = 0; index < vms; index++) {
      const vmUuid = `${scratch.id}-${mode}-${index}`;
      pods.push(await startSandbox(scratch, { vmUuid, vmName: vmUuid, mounts: [fakeEmulatorMount] }));
    }
    return new Rig(driver, pods);
  }

  /** Pids of what runs in the pods beside their launchers. */
  get emulators(): readonly number[] {
    return this.pods.flatMap((pod) => pod.processes.filter((pid) => pid !== pod.pid)).sort((a, b) => a - b);
  }

  get launches(): readonly string[] {
    return readdirSync(join(this.driver.runDirectory, 'state'));
  }

  /** Pids of the emulators that the daemon says run. */
  async known(): Promise<readonly number[]> {
    const client = createWatchedApiClient({ socketPath: this.driver.apiSocket });
    try {
      const machines = await client.listMachines();
      return machines
        .filter(({ state }) => state === 'MACHINE_STATE_RUNNING')
        .map(({ qemu }) => qemu?.pid ?? 0)
        .sort((a, b) => a - b);
    } finally {
      client.close();
    }
  }

  /** Waits until the pods, the daemon and its records say the same. */
  async settle(running: number, kill: string): Promise<void> {
    let seen = '';
    const agree = async (): Promise<true | undefined> => {
      const [emulators, known, { launches }] = [this.emulators, await this.known(), this];
      seen = `emulators ${emulators.join()}, known ${known.join()}, records ${launches.join()}, stubs ${running}`;
      const isAgreed = emulators.join() === known.join() && launches.length === running;
      return isAgreed && emulators.length === running ? true : undefined;
    };
    await waitUntil('the daemon knows what runs', agree, SETTLE_MS).catch((error: unknown) => {
      throw new Error(`After ${kill}: ${seen}`, { cause: error });
    });
  }

  measure(machines: number): Figures {
    const { pid } = this.driver.process;
    const rss = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    return { fds: readdirSync(`/proc/${pid}/fd`).length, rss, machines };
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/**
 * Kills the daemon at random moments. Each daemon is a new process: what must not grow is what the next one inherits,
 * such as records that nobody removes and shims that it connects to in vain.
 */
async function killAgainAndAgain(rig: Rig, seed: number, name: string): Promise<readonly Figures[]> {
  const random = new Xorshift(seed);
  const traffic = rig.pods.map((pod) => new Traffic(rig.driver, pod, new Xorshift(random.next())));
  const figures: Figures[] = [];
  try {
    for (let kill = 1; kill <= KILLS; kill++) {
      await sleep(random.below(400));
      await rig.driver.end('SIGKILL');
      // Sometimes VMs end while there is no daemon.
      await sleep(random.below(100));
      await rig.driver.start();
      await Promise.all(traffic.map((each) => each.hold()));
      const running = traffic.filter(({ isRunning }) => isRunning).length;
      await rig.settle(running, `kill ${kill} of ${name} mode, seed ${seed}`);
      figures.push(rig.measure(running));
      for (const each of traffic) each.goOn();
    }
  } finally {
    await Promise.all(traffic.map((each) => each.stop()));
  }
  for (const { starts } of traffic) expect(starts).to.be.greaterThan(KILLS / 10);
  await rig.settle(0, `the last kill of ${name} mode`);
  return figures;
}

/** The second half of the daemons after the first ten, as a share of the first half. */
function growth(figures: readonly Figures[], of: (figures: Figures) => number): number {
  const later = figures.slice(WARM_UP);
  const middle = Math.floor(later.length / 2);
  return median(later.slice(middle).map(of)) / median(later.slice(0, middle).map(of));
}

describe('a daemon that is killed again and again while VMs start and end', function () {
  this.timeout(8000 * KILLS);
  this.retries(0); // what goes wrong at one moment of many is what is looked for
  const modes = ['fork', 'exec'] as const;
  let scratches: readonly Scratch[];

  beforeEach(() => {
    scratches = modes.map(() => Scratch.open('test'));
  });
  afterEach(async () => {
    for (const scratch of scratches) await scratch.close();
  });

  it(`knows all that runs and nothing else, ${2 * KILLS} times, and does not grow`, async () => {
    const seed = Number(process.env['KND_SEED'] ?? Date.now() % 1_000_000);
    const rigs: Rig[] = [];
    for (const [index, scratch] of scratches.entries())
      rigs.push(await Rig.open(scratch, modes[index] ?? 'fork', VMS));
    const all = await Promise.all(
      rigs.map((rig, index) => killAgainAndAgain(rig, seed + index, modes[index] ?? '')),
    );
    for (const [index, figures] of all.entries()) {
      // A machine more is a few fds more: only daemons with as many machines are comparable.
      const perMachine = (each: Figures): number => each.fds - 3 * each.machines;
      expect(growth(figures, perMachine), `fds, ${modes[index] ?? ''}, seed ${seed}`).to.be.within(
        0.95,
        1.05,
      );
      expect(
        growth(figures, ({ rss }) => rss),
        `RSS, ${modes[index] ?? ''}`,
      ).to.be.within(0.95, 1.05);
    }
  });
});

describe('a daemon that starts beside a shim which does not answer', function () {
  this.timeout(60_000);
  this.retries(0); // what goes wrong at one moment of many is what is looked for
  let scratch: Scratch;
  let shim: ProcessIdentity | undefined;

  before(() => {
    scratch = Scratch.open('test');
  });
  after(async () => {
    if (shim !== undefined) signalProcess(shim, 'SIGCONT');
    await scratch.close();
  });

  it('serves all the same, and hears the shim once it does', async () => {
    const rig = await Rig.open(scratch, 'fork', 1);
    const [pod] = rig.pods;
    if (pod === undefined) throw new Error('There is no pod');
    const launch = launchFake(rig.driver, pod, { args: ['wait'] });
    await launch.waitForLine('ready');
    const client = createWatchedApiClient({ socketPath: rig.driver.apiSocket });
    const [machine] = await client.listMachines();
    client.close();
    shim = listProcesses().find(({ pid }) => pid === machine?.shim?.pid);
    if (shim === undefined || readArguments(shim.pid).length === 0) throw new Error('There is no shim');
    signalProcess(shim, 'SIGSTOP');
    await rig.driver.end('SIGKILL');
    const begin = performance.now();
    await rig.driver.start();
    // Its own limit for a launch is 8 s: that is what it must not wait for.
    expect(performance.now() - begin).to.be.lessThan(6000);
    expect(await rig.known()).to.deep.equal(rig.emulators);
    signalProcess(shim, 'SIGCONT');
    launch.stub.kill('SIGTERM');
    expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
    await rig.settle(0, 'the end of the VM');
  });
});
