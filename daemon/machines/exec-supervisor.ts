import { setTimeout as delay } from 'node:timers/promises';

import { hasCode } from '../errors.ts';
import type { Broker } from '../host/broker.ts';
import { cgroupDirectory, type CgroupHierarchy } from '../host/host-cgroups.ts';
import type { Libc } from '../host/libc.ts';
import { PinnedProcess } from '../host/pinned-process.ts';
import type { ProcessEnd } from '../host/process-watches.ts';
import { removeEmptyCgroup } from '../host/remove-empty-cgroup.ts';
import { hasEnded, parseStat } from '../target/parse-stat.ts';
import type { NamespaceKind, ProcessIdentity } from '../target/target.ts';
import { ExecMachine } from './exec-machine.ts';
import { hasEntered } from './has-entered.ts';
import { machineSignals } from './machine-signals.ts';
import type { LaunchClock } from './launch-clock.ts';
import type { Machine, MachineExit } from './machine.ts';
import type { MachineRegistry } from './machine-registry.ts';
import type { MachineRecord, StateDirectory } from './state-directory.ts';
import type { OnTransition } from './transition.ts';

/** How often a stub is looked at that an earlier daemon sent into a pod. */
const LOOK_INTERVAL_MS = 100;
/** One that has not got QEMU to run this long after the daemon's start hangs, or was never told to enter. */
const ADOPTED_DEADLINE_MS = 3000;
/** For a stub that came to nothing to tell libvirt why: it waits up to 2 s until that is read. */
const FAREWELL_MS = 3000;
const FAREWELL_INTERVAL_MS = 20;
/** A process is gone from its cgroup a moment after it ended. */
const CGROUP_RETRIES_MS = [10, 50, 250, 1000] as const;

export interface ExecSupervisorOptions {
  readonly libc: Libc;
  readonly proc: string;
  readonly broker: Pick<Broker, 'watch'>;
  readonly registry: MachineRegistry;
  readonly state: StateDirectory;
  readonly bootId: string;
  readonly hostRoot: string;
  readonly hierarchies: readonly CgroupHierarchy[];
  /** Those that QEMU joins, for records that do not say so. */
  readonly namespaces: readonly NamespaceKind[];
  readonly podGoneGraceMs: number;
  /** Told of what went wrong with one machine; the others go on. */
  readonly onError: (launchId: string, error: unknown) => void;
  readonly onTransition?: OnTransition;
}

/**
 * Follows the machines of exec mode: their QEMU is the process that libvirt started, and has no shim. What a shim does
 * for one machine in fork mode, this does for all of them, while the daemon runs.
 */
export class ExecSupervisor {
  readonly #options: ExecSupervisorOptions;
  readonly #machines = new Map<string, ExecMachine>();
  #isClosed = false;

  constructor(options: ExecSupervisorOptions) {
    this.#options = options;
  }

  /** Makes a launch known, which reserves its VM, and puts it on disk, with the namespaces that it is to join. */
  prepare(machine: Machine, init: ProcessIdentity, joined: readonly NamespaceKind[]): void {
    const { registry, state, bootId } = this.#options;
    registry.put(machine);
    state.create({ version: 1, bootId, machine, shimCgroups: [], init, joined });
  }

  /** Undoes {@link prepare} for a launch that came to nothing. Never throws. */
  discard(launchId: string): void {
    this.#options.registry.remove(launchId);
    this.#guard(launchId, () => this.#remove(launchId));
  }

  /**
   * Undoes {@link prepare} for a launch that came to nothing when its stub may be in the pod's cgroups already: the stub
   * ends by itself, or is ended. It stays on disk until then, for the next daemon. Never throws.
   */
  async abandon({ launchId, stub }: Machine): Promise<void> {
    this.#options.registry.remove(launchId);
    const deadline = performance.now() + FAREWELL_MS;
    try {
      while (!this.#isClosed) {
        if (this.#hasEnded(stub, performance.now() >= deadline)) {
          this.#remove(launchId);
          return;
        }
        await delay(FAREWELL_INTERVAL_MS, undefined, { ref: false });
      }
    } catch (error) {
      this.#options.onError(launchId, error);
    }
  }

  /** Follows a machine whose stub has become QEMU. */
  started(launchId: string, init: ProcessIdentity, clock?: LaunchClock): Machine {
    const { registry, state } = this.#options;
    const machine = registry.get(launchId);
    if (machine === undefined) throw new Error(`Cannot follow launch ${launchId}: it is not known`);
    const steps = clock?.stop();
    const running: Machine = { ...machine, state: 'running', qemu: machine.stub, ...(steps && { steps }) };
    registry.put(running);
    // Followed also where the disk is full: the next daemon finds out by itself, then.
    this.#guard(launchId, () => {
      const { pid, startTime } = machine.stub;
      state.writeStarted(launchId, `started ${pid} ${startTime}\n`);
      if (steps !== undefined) state.writeSteps(launchId, steps);
    });
    this.#follow(running, init);
    return running;
  }

  /** Takes over what an earlier daemon left. A stub that is still on its way into its pod is waited for after this. */
  adopt(): void {
    const { state, bootId } = this.#options;
    for (const launchId of state.list())
      this.#guard(launchId, () => {
        const record = state.read(launchId);
        if (record?.machine.mode !== 'exec') return;
        if (record.bootId === bootId) this.#adoptOne(record);
        else this.#remove(launchId);
      });
  }

  /** Sends QEMU a signal; false when it is none of exec mode's, or has ended. */
  signal(launchId: string, number: number): boolean {
    return this.#machines.get(launchId)?.signal(number) ?? false;
  }

  /** Lets go of all machines, which go on. */
  close(): void {
    this.#isClosed = true;
    for (const machine of this.#machines.values()) machine[Symbol.dispose]();
    this.#machines.clear();
  }

  #adoptOne(record: MachineRecord): void {
    const { registry, state } = this.#options;
    const { machine, init, joined = this.#options.namespaces } = record;
    if (init === undefined)
      throw new Error('Cannot read the record of a machine of exec mode: it is left alone');
    if (state.readFile(machine.launchId, 'started') === null) {
      registry.put(machine);
      void this.#lookForEmulator(machine, init, joined);
      return;
    }
    const steps = state.readSteps(machine.launchId);
    const running: Machine = { ...machine, state: 'running', qemu: machine.stub, ...(steps && { steps }) };
    registry.put(running);
    this.#follow(running, init);
  }

  /** The daemon that had sent the stub into the pod did not live to see what came of it. */
  async #lookForEmulator(
    machine: Machine,
    init: ProcessIdentity,
    joined: readonly NamespaceKind[],
  ): Promise<void> {
    const { launchId } = machine;
    const deadline = performance.now() + ADOPTED_DEADLINE_MS;
    try {
      while (!this.#isClosed) {
        using stub = this.#pin(machine.stub);
        if (stub === null) {
          this.discard(launchId);
          return;
        }
        if (hasEntered(stub, machine.namespaces, joined)) {
          this.started(launchId, init);
          return;
        }
        if (performance.now() >= deadline) stub.signal(machineSignals.KILL);
        await delay(LOOK_INTERVAL_MS, undefined, { ref: false });
      }
    } catch (error) {
      this.#options.onError(launchId, error);
    }
  }

  #follow(machine: Machine, initIdentity: ProcessIdentity): void {
    const { broker, podGoneGraceMs } = this.#options;
    const { launchId } = machine;
    const qemu = this.#pin(machine.stub);
    const init = this.#pin(initIdentity);
    if (qemu === null) {
      const isPodGone = init === null;
      init?.[Symbol.dispose]();
      this.#ended(launchId, { kind: 'unknown' }, isPodGone ? 'pod-gone' : 'qemu');
      return;
    }
    const onEnd = (end: ProcessEnd, reason: 'qemu' | 'pod-gone'): void => {
      this.#machines.delete(launchId);
      this.#guard(launchId, () => this.#ended(launchId, end, reason));
    };
    this.#machines.set(launchId, new ExecMachine({ broker, qemu, init, podGoneGraceMs, onEnd }));
  }

  #pin(identity: ProcessIdentity): PinnedProcess | null {
    return PinnedProcess.reopen(this.#options.libc, this.#options.proc, identity);
  }

  /** Whether a stub is gone, but for its exit status; kills it where it is late. */
  #hasEnded(identity: ProcessIdentity, isLate: boolean): boolean {
    try {
      using stub = this.#pin(identity);
      if (stub === null) return true;
      const stat = parseStat(stub.readText('stat'));
      const isOver = stat === null || hasEnded(stat);
      // Also then: its first thread may have ended alone.
      if (isOver || isLate) stub.signal(machineSignals.KILL);
      return isOver;
    } catch (error) {
      if (hasCode(error, 'ESRCH', 'ENOENT')) return true;
      throw error;
    }
  }

  #ended(launchId: string, end: ProcessEnd, reason: 'qemu' | 'pod-gone'): void {
    const { registry } = this.#options;
    const machine = registry.get(launchId);
    if (machine === undefined) return;
    const exit: MachineExit = { ...end, reason, at: new Date().toISOString() };
    registry.put({ ...machine, state: 'exited', exit });
    this.#options.onTransition?.('exit-told');
    this.#remove(launchId);
    if (reason === 'pod-gone') this.#removePodCgroups(launchId, machine);
  }

  #remove(launchId: string): void {
    const { state } = this.#options;
    state.forget(launchId);
    state.remove(launchId);
  }

  /** The runtime could not remove the container's cgroups while QEMU was in them, and may have given up. */
  #removePodCgroups(launchId: string, machine: Machine, attempt = 0): void {
    const { hostRoot, hierarchies } = this.#options;
    this.#guard(launchId, () => {
      const directories = machine.cgroups.flatMap((each) => cgroupDirectory(hierarchies, each) ?? []);
      const left = directories.filter((directory) => !removeEmptyCgroup(hostRoot + directory));
      const wait = CGROUP_RETRIES_MS[attempt];
      if (left.length > 0 && wait !== undefined)
        setTimeout(() => this.#removePodCgroups(launchId, machine, attempt + 1), wait).unref();
    });
  }

  /** For what is done in event handlers: a full disk must end neither the daemon nor the care for other machines. */
  #guard(launchId: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.onError(launchId, error);
    }
  }
}
