import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Xorshift } from '../fuzz/xorshift.ts';
import { findCgroup, listCgroupProcesses, listCgroupTree } from '../support/cgroups.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { listDescendants, readProcess, signalProcess } from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { expectNothingLeft } from '../support/supervised-vm.ts';
import { takeSnapshot } from '../support/snapshot.ts';
import { waitUntil } from '../support/wait-until.ts';

const STARTS = 1000;
/** Of several VMs at the same time. */
const VMS = 4;
const WARM_UP = 20;
/** What a start takes here, and a little of the life after it. */
const LONGEST_US = 120_000;
const LIFE_MS = 20;
/** Longer than an HTTP connection is kept that nobody uses: the one that asked whether the daemon is ready. */
const IDLE_MS = 6000;

type Victim = 'shim' | 'child';

/** Comes back after so many microseconds: the timers of Node count milliseconds. */
async function pause(microseconds: number): Promise<void> {
  const end = performance.now() + microseconds / 1000;
  await sleep(Math.floor(microseconds / 1000));
  while (performance.now() < end);
}

describe('starts whose shim, or whose process that becomes QEMU, is killed at a random moment', function () {
  this.timeout(600_000);
  this.retries(0); // what goes wrong at one moment of many is what is looked for
  let scratch: Scratch;
  let driver: NodeDriver;
  const pods: Sandbox[] = [];

  before(async () => {
    scratch = Scratch.open('test');
    const settings = { emulator: fakeEmulator, 'launch-rate': 'off', 'secret-lifetime': '24h' };
    driver = await startNodeDriver(scratch, { settings });
    for (let index = 0; index < VMS; index++) {
      const vmUuid = `${scratch.id}-${index}`;
      pods.push(await startSandbox(scratch, { vmUuid, vmName: vmUuid, mounts: [fakeEmulatorMount] }));
    }
  });
  after(() => scratch.close());

  /** Of the launches that are under way, of all VMs. */
  const listVictims = (): readonly { readonly pid: number; readonly kind: Victim }[] => {
    const launches = readdirSync(join(driver.runDirectory, 'state'));
    const inCgroups = launches.flatMap((id) => {
      const [directory] = findCgroup(`/kubevirt-node-driver/${id}`);
      return directory === undefined ? [] : listCgroupProcesses(directory);
    });
    const broker = driver.broker.pid;
    return [
      ...new Set([...inCgroups, ...pods.flatMap((pod) => pod.processes.filter((pid) => pid !== pod.pid))]),
    ].map((pid) => ({ pid, kind: readProcess(pid)?.parent === broker ? 'shim' : 'child' }));
  };
  /** The least of a second: who asks for metrics meanwhile has a connection as well. */
  const countFds = async (pid: number): Promise<number> => {
    let least = Infinity;
    for (let look = 0; look < 20; look++) {
      least = Math.min(least, readdirSync(`/proc/${pid}/fd`).length);
      await sleep(50);
    }
    return least;
  };

  const startOne = async (pod: Sandbox, random: Xorshift, killed: Victim[]): Promise<void> => {
    const launch = launchFake(driver, pod, { args: ['wait'] });
    await pause(random.below(LONGEST_US));
    const victims = listVictims();
    const victim = victims[random.below(Math.max(1, victims.length))];
    const status = victim === undefined ? undefined : readProcess(victim.pid);
    if (victim !== undefined && status !== undefined && signalProcess(status, 'SIGKILL'))
      killed.push(victim.kind);
    await Promise.race([launch.ended, sleep(LIFE_MS)]);
    launch.stub.kill('SIGTERM');
    const { status: ended, signal } = await launch.ended;
    // Whoever was hit: it was refused, was killed, or has run until it was asked to end.
    if (signal === null) {
      expect(ended, launch.stderr).to.equal(125);
      expect(launch.stderr).to.match(/^qemu-kube: [^\n]+\n$/);
    } else expect(signal).to.be.oneOf(['SIGKILL', 'SIGTERM']);
  };
  const startAll = async (starts: number, seed: number): Promise<readonly Victim[]> => {
    const killed: Victim[] = [];
    let begun = 0;
    const play = async (pod: Sandbox, index: number): Promise<void> => {
      const random = new Xorshift(seed + index);
      while (begun++ < starts) await startOne(pod, random, killed);
    };
    await Promise.all(pods.map(play));
    for (const pod of pods) await expectNothingLeft(driver, pod, 15_000);
    return killed;
  };

  it(`leave no orphan, no zombie and no fd, ${STARTS} times`, async () => {
    const seed = Number(process.env['KND_SEED'] ?? (Date.now() % 1_000_000) + 1);
    await startAll(WARM_UP, seed);
    await sleep(IDLE_MS);
    const broker = driver.broker.pid;
    const fds = { daemon: await countFds(driver.process.pid), broker: await countFds(broker) };
    const traces = [...takeSnapshot({ markers: [scratch.id] })];

    const killed = await startAll(STARTS, seed + VMS);
    for (const kind of ['shim', 'child'] as const)
      expect(killed.filter((each) => each === kind).length, `${kind}s killed, seed ${seed}`).to.be.at.least(
        STARTS / 20,
      );
    let left: readonly string[] = [];
    const isClean = (): true | undefined => {
      const children = listDescendants(driver.process).filter(({ pid }) => pid !== broker);
      const { log } = driver;
      left = [
        ...children.map(({ pid, state }) => `process ${pid} (${state})`),
        ...[...takeSnapshot({ markers: [scratch.id] })].filter((line) => !traces.includes(line)),
        ...findCgroup('/kubevirt-node-driver')
          .flatMap(listCgroupTree)
          .filter((path) => basename(path) !== 'kubevirt-node-driver' && log.includes(basename(path))),
      ];
      return left.length === 0 ? true : undefined;
    };
    await waitUntil('nothing is left', isClean, 5000).catch(() => undefined);
    expect(left, `seed ${seed}`).to.deep.equal([]);
    expect(driver.broker.pid).to.equal(broker);
    const now = { daemon: await countFds(driver.process.pid), broker: await countFds(broker) };
    for (const name of ['daemon', 'broker'] as const)
      expect(now[name], `fds of the ${name}, seed ${seed}`).to.be.at.most(fds[name]);
  });
});
