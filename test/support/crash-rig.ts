import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineOutput } from '../../daemon/api/proto-types.ts';
import type { LaunchMode } from '../../daemon/machines/machine.ts';
import { findCgroup, listCgroupProcesses, readCgroups } from './cgroups.ts';
import type { CrashPoint, Victim } from './crash-point.ts';
import { Failpoints } from './failpoints.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake, type FakeLaunch } from './fake-launch.ts';
import { startNodeDriver, type NodeDriver } from './node-driver.ts';
import {
  identify,
  isRunning,
  listProcesses,
  readProcess,
  signalProcess,
  type ProcessIdentity,
} from './processes.ts';
import { startSandbox, type Sandbox } from './sandbox.ts';
import type { Scratch } from './scratch.ts';
import { createWatchedApiClient } from './secret-watch/watched-api-client.ts';
import { waitUntil } from './wait-until.ts';

/** Of the contract, for whatever is to come of a launch. */
export const SETTLE_MS = 5000;
const REACH_MS = 10_000;
const LOOK_MS = 10;

/** A launch that has come to a point, and what there is of it. */
export interface Stopped {
  readonly launch: FakeLaunch;
  readonly launchId: string | undefined;
  readonly stopped: ProcessIdentity;
  readonly present: ReadonlyMap<Victim, ProcessIdentity>;
}

/** A node of one mode, whose parts stop where a test wants it, with one pod at a time. */
export class CrashRig {
  readonly driver: NodeDriver;
  readonly failpoints: Failpoints;
  readonly #scratch: Scratch;
  readonly #mode: LaunchMode;
  #pod: Sandbox | undefined;
  #count = 0;

  private constructor(scratch: Scratch, mode: LaunchMode, driver: NodeDriver, failpoints: Failpoints) {
    this.#scratch = scratch;
    this.#mode = mode;
    this.driver = driver;
    this.failpoints = failpoints;
  }

  static async open(scratch: Scratch, mode: LaunchMode): Promise<CrashRig> {
    const failpoints = Failpoints.open(scratch);
    const settings = { emulator: fakeEmulator, 'secret-lifetime': '24h' };
    const driver = await startNodeDriver(scratch, { mode, failpoints, settings });
    return new CrashRig(scratch, mode, driver, failpoints);
  }

  get pod(): Sandbox {
    if (this.#pod === undefined) throw new Error('There is no pod');
    return this.#pod;
  }

  /** Has a pod whose launcher runs. */
  async preparePod(): Promise<Sandbox> {
    if (this.#pod !== undefined && isRunning(this.#pod.init)) return this.#pod;
    await this.#pod?.remove();
    const vmUuid = `${this.#scratch.id}-${this.#mode}-${++this.#count}`;
    const mounts = [fakeEmulatorMount, this.failpoints.mount];
    this.#pod = await startSandbox(this.#scratch, { vmUuid, vmName: vmUuid, mounts });
    return this.#pod;
  }

  /** Removes what a failed test has left. */
  async reset(): Promise<void> {
    this.failpoints.clear();
    await this.driver.end('SIGKILL');
    for (const launchId of this.launches)
      for (const { pid } of this.#listMembers(launchId))
        if (pid !== this.#pod?.pid) process.kill(pid, 'SIGKILL');
    await this.#pod?.remove();
    this.#pod = undefined;
    await this.driver.start();
  }

  /** Those of which there is something on disk. */
  get launches(): readonly string[] {
    return readdirSync(join(this.driver.runDirectory, 'state'));
  }

  /** How often the daemons have told of the end of a launch. */
  countEnds(launchId: string): number {
    const lines = this.driver.log.split('\n');
    return lines.filter((line) => line.includes('A VM ended') && line.includes(launchId)).length;
  }

  /** What the daemon that runs has told of ends since it started: by its counter, and to who watches from now on. */
  async readEnds(launchId: string): Promise<{ readonly counted: number; readonly watched: number }> {
    const metrics = await (await fetch(`http://127.0.0.1:${this.driver.httpPort}/metrics`)).text();
    const counts = [...metrics.matchAll(/^kubevirt_node_driver_machine_exits_total\{.*\} (\d+)$/gm)];
    const counted = counts.reduce((sum, [, count]) => sum + Number(count), 0);
    const client = createWatchedApiClient({ socketPath: this.driver.apiSocket });
    const abort = new AbortController();
    let watched = 0;
    try {
      for await (const { type, machine } of client.watchMachines(abort.signal)) {
        if (machine?.launchId === launchId && machine.exit !== null) watched++;
        if (type === 'MACHINE_EVENT_TYPE_SYNCED') break;
      }
    } finally {
      abort.abort();
      client.close();
    }
    return { counted, watched };
  }

  async findMachine(launchId: string): Promise<MachineOutput | undefined> {
    const client = createWatchedApiClient({ socketPath: this.driver.apiSocket });
    try {
      return (await client.listMachines()).find((machine) => machine.launchId === launchId);
    } finally {
      client.close();
    }
  }

  /** A VM that the daemon knows to run. */
  async start(): Promise<{
    readonly launch: FakeLaunch;
    readonly launchId: string;
    readonly qemu: ProcessIdentity;
  }> {
    const pod = await this.preparePod();
    const before = this.driver.log.length;
    const launch = launchFake(this.driver, pod, { args: ['wait'] });
    await launch.waitForLine('ready');
    const launchId = await waitUntil(
      'the daemon knows that the VM runs',
      () => /Started a VM.*launchId="(\S+)"/.exec(this.driver.log.slice(before))?.[1],
      REACH_MS,
      LOOK_MS,
    );
    const qemu = pod.processes.find((pid) => pid !== pod.pid);
    if (qemu === undefined) throw new Error('There is no emulator in the pod');
    return { launch, launchId, qemu: identify(qemu) };
  }

  /** Starts a VM, ends it where that is the way to the point, and waits for who stops there, and for the others. */
  async bringTo(point: CrashPoint): Promise<Stopped> {
    const pod = await this.preparePod();
    this.failpoints.set(point.name);
    let launch: FakeLaunch;
    let launchId: string | undefined;
    if (point.isEnding) {
      const started = await this.start();
      ({ launch, launchId } = started);
      signalProcess(started.qemu, 'SIGTERM');
    } else {
      launch = launchFake(this.driver, pod, { args: ['wait'] });
    }
    const stopped = await waitUntil(
      `"${point.name}" is reached: ${launch.stderr}`,
      () => (this.failpoints.isSet(point.name) ? undefined : this.#findStopped(launch, launchId)),
      REACH_MS,
      LOOK_MS,
    );
    launchId ??= this.launches[0];
    let present = this.#listPresent(launch, launchId);
    await waitUntil(
      `the others are as far as they get: ${[...present.keys()].join()}`,
      () => {
        present = this.#listPresent(launch, launchId);
        const isAsExpected = [...present.keys()].sort().join() === [...point.present].sort().join();
        const isReady = launch.report.includes('ready') || point.stops === 'QEMU' || point.stops === 'stub';
        return isAsExpected && (isReady || !present.has('QEMU')) ? true : undefined;
      },
      2000,
      LOOK_MS,
    ).catch(() => undefined);
    return { launch, launchId, stopped, present };
  }

  /** What is wanting for the launch to be running and known; nothing, when it is. */
  async lacksToRun({ launch, launchId = '' }: Stopped): Promise<readonly string[]> {
    const { pod } = this;
    const qemus = pod.processes.filter((pid) => pid !== pod.pid);
    const [qemu] = qemus;
    if (qemu === undefined || qemus.length !== 1) return [`pod has ${qemus.length} processes beside its own`];
    const lacks: string[] = [];
    if (!launch.report.includes('ready')) lacks.push('QEMU');
    const [own, others] = [qemu, pod.pid].map((pid) => JSON.stringify([...readCgroups(pid)]));
    if (own !== others) lacks.push('the pod’s cgroups');
    if (!isRunning({ ...identify(launch.pid) })) lacks.push('the stub');
    if ((this.#mode === 'exec') !== (qemu === launch.pid)) lacks.push('the right process');
    const members = this.#listMembers(launchId);
    if (this.#mode === 'fork' && !members.some(({ pid }) => readProcess(qemu)?.parent === pid))
      lacks.push('a shim');
    const machine = await this.findMachine(launchId);
    if (machine?.state !== 'MACHINE_STATE_RUNNING' || machine.qemu?.pid !== qemu)
      lacks.push(`to be known: ${machine?.state ?? 'not listed'}`);
    return lacks;
  }

  /** What is left of a launch that ought to be absent. */
  async leftOf({ launch, launchId, present }: Stopped): Promise<readonly string[]> {
    const { pod } = this;
    const left: string[] = [];
    if (launch.stub.exitCode === null && launch.stub.signalCode === null) left.push('the stub');
    for (const victim of ['shim', 'stub', 'QEMU'] as const) {
      const identity = present.get(victim);
      const status = identity && readProcess(identity.pid);
      if (status === undefined || status.startTime !== identity?.startTime) continue;
      // A zombie is one too many, but for an orphan: when init reaps it is none of ours.
      if (status.state !== 'Z' || status.parent !== 1) left.push(`${victim} (${status.state})`);
    }
    for (const pid of pod.processes) if (pid !== pod.pid) left.push(`process ${pid} in the pod`);
    for (const { pid, parent } of listProcesses())
      if (parent === this.driver.process.pid && readProcess(pid)?.state === 'Z') left.push(`zombie ${pid}`);
    left.push(...this.launches.map((each) => `state/${each}`));
    if (launchId === undefined) return left;
    left.push(...findCgroup(`/kubevirt-node-driver/${launchId}`));
    const state = (await this.findMachine(launchId))?.state;
    if (state !== undefined && !['MACHINE_STATE_EXITED', 'MACHINE_STATE_LOST'].includes(state))
      left.push(state);
    return left;
  }

  /** The daemon, the stub, and what is in the cgroups of the shim and of the pod. */
  #listPresent(launch: FakeLaunch, launchId: string | undefined): ReadonlyMap<Victim, ProcessIdentity> {
    const { pod, driver } = this;
    const found = new Map<Victim, ProcessIdentity>();
    const isThere = (identity: ProcessIdentity): boolean => isRunning(identity);
    if (isThere(driver.process)) found.set('daemon', driver.process);
    if (isThere(pod.init)) found.set('target', pod.init);
    const members = launchId === undefined ? [] : this.#listMembers(launchId);
    const inside = members.filter(({ pid }) => pid !== pod.pid && pid !== launch.pid);
    for (const member of inside) {
      const parent = readProcess(member.pid)?.parent;
      found.set(inside.some(({ pid }) => pid === parent) ? 'QEMU' : 'shim', member);
    }
    const stub = readProcess(launch.pid);
    if (stub !== undefined && isRunning(stub))
      found.set(
        this.#mode === 'exec' && launch.report.includes('ready') ? 'QEMU' : 'stub',
        identify(launch.pid),
      );
    return found;
  }

  #listMembers(launchId: string): readonly ProcessIdentity[] {
    const directories = findCgroup(`/kubevirt-node-driver/${launchId}`);
    const pids = new Set([...directories.flatMap(listCgroupProcesses), ...this.pod.processes]);
    return [...pids]
      .map((pid) => readProcess(pid))
      .filter((status) => status !== undefined)
      .filter((status) => isRunning(status));
  }

  #findStopped(launch: FakeLaunch, launchId = this.launches[0]): ProcessIdentity | undefined {
    const members = launchId === undefined ? [] : this.#listMembers(launchId);
    const pids = [this.driver.process.pid, launch.pid, ...members.map(({ pid }) => pid)];
    const isStopped = (pid: number): boolean => readProcess(pid)?.state === 'T';
    const pid = pids.find(isStopped);
    return pid === undefined ? undefined : identify(pid);
  }
}
