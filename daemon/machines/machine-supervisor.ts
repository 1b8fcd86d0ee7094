import { setTimeout as delay } from 'node:timers/promises';

import type { Libc } from '../host/libc.ts';
import type { ShimCgroups } from '../host/shim-cgroups.ts';
import type { LaunchClock } from './launch-clock.ts';
import type { LaunchStepTime } from './launch-step.ts';
import type { Machine, MachineExit } from './machine.ts';
import type { MachineRegistry } from './machine-registry.ts';
import { MachineRemains } from './machine-remains.ts';
import { ReportedFailure } from './reported-failure.ts';
import { ShimConnection } from './shim-connection.ts';
import { parseExitRecord, shimProtocolVersion, type ShimMessage } from './shim-message.ts';
import { ShimMessageReader } from './shim-message-reader.ts';
import { ShimProcesses } from './shim-processes.ts';
import { endedEarly, otherRelease, tookTooLong } from './start-failures.ts';
import type { MachineRecord, StateDirectory } from './state-directory.ts';
import type { OnTransition } from './transition.ts';

/** A shim that has not got QEMU to run after this long hangs: its own deadline is shorter. */
const START_DEADLINE_MS = 20_000;
/** How often a shim is looked for that lives, but does not listen yet. */
const LOOK_INTERVAL_MS = 100;
/** How long the daemon's start waits for the word of a shim that it has connected to. */
const GREETING_MS = 1000;
export interface MachineSupervisorOptions {
  readonly libc: Libc;
  readonly proc: string;
  readonly registry: MachineRegistry;
  readonly state: StateDirectory;
  readonly shimCgroups: ShimCgroups;
  readonly bootId: string;
  /** Told of what went wrong with one machine; the others go on. */
  readonly onError: (launchId: string, error: unknown) => void;
  readonly onTransition?: OnTransition;
}

/** Follows the shims of this node, so the machines of fork mode: keeps the registry true, and leaves nothing behind when one ends. */
export class MachineSupervisor {
  readonly #options: MachineSupervisorOptions;
  readonly #processes: ShimProcesses;
  readonly #remains: MachineRemains;
  readonly #connections = new Map<string, ShimConnection>();
  #isClosed = false;

  constructor(options: MachineSupervisorOptions) {
    this.#options = options;
    this.#processes = new ShimProcesses(options);
    this.#remains = new MachineRemains(options);
  }

  /** Makes a launch known, which reserves its VM, and puts it on disk. The returned directories are the shim's cgroups. */
  prepare(machine: Machine): readonly string[] {
    const { registry, state, shimCgroups, bootId } = this.#options;
    registry.put(machine);
    // The record first: by it the next daemon finds the cgroups of a launch that this one did not live to start.
    const directories = shimCgroups.directoriesOf(machine.launchId);
    state.create({ version: 1, bootId, machine, shimCgroups: directories });
    shimCgroups.create(machine.launchId);
    this.#options.onTransition?.('shim-cgroups-made');
    return directories;
  }

  /** The shim's cgroup that it can be born in; `null` where there is none. */
  birthplaceOf(launchId: string): string | null {
    return this.#options.shimCgroups.birthplaceOf(launchId);
  }

  /** Undoes {@link prepare} for a launch whose shim never ran, or has ended. Never throws. */
  discard(launchId: string): void {
    this.#options.registry.remove(launchId);
    this.#remains.remove(launchId);
  }

  /**
   * Follows a shim that is about to be started, until QEMU runs. Whatever comes of it is cleaned up when the other end
   * of `fd` is closed everywhere: by the shim's end, or because there never was one.
   *
   * @param fd the daemon's end of the socket pair of the launch; taken over
   * @param clock stopped when QEMU runs
   * @throws ReportedFailure when the shim could not start QEMU and has told the stub; a Refusal when it told nobody
   */
  async follow(launchId: string, fd: number, clock?: LaunchClock): Promise<Machine> {
    return new Promise((resolve, reject) => {
      let failure: Error = endedEarly();
      let started = false;
      const connection = ShimConnection.ofDescriptor(fd, {
        onMessage: (message) => {
          const steps = message.kind === 'started' ? clock?.stop() : undefined;
          this.#guard(launchId, () => this.#hear(launchId, message, steps));
          if (message.kind === 'failed') failure = new ReportedFailure(message.text);
          if (message.kind === 'incompatible') {
            failure = otherRelease(message.version);
            this.#guard(launchId, () => this.#processes.kill(launchId));
          }
          if (message.kind !== 'started') return;
          started = true;
          clearTimeout(timer);
          const machine = this.#options.registry.get(launchId);
          if (machine !== undefined) resolve(machine);
        },
        onClosed: () => {
          clearTimeout(timer);
          this.#connections.delete(launchId);
          // The shim goes on, and tells the stub itself.
          if (this.#isClosed)
            reject(new ReportedFailure('the daemon stopped before QEMU ran; the launch goes on'));
          else if (started) this.#guard(launchId, () => this.#shimGone(launchId));
          else {
            this.discard(launchId);
            reject(failure);
          }
        },
      });
      const timer = setTimeout(() => {
        failure = tookTooLong();
        this.#guard(launchId, () => this.#processes.kill(launchId));
        reject(failure);
      }, START_DEADLINE_MS);
      this.#connections.set(launchId, connection);
    });
  }

  /**
   * Takes over what an earlier daemon left: machines that run, machines that ended meanwhile, launches that never
   * came to be. A shim that is still starting its QEMU is waited for after this.
   */
  async adopt(): Promise<void> {
    const { state, onError } = this.#options;
    const known = state.list();
    await Promise.all(
      known.map((launchId) => this.#adoptOne(launchId).catch((error: unknown) => onError(launchId, error))),
    );
    this.#remains.removeUnknown(known);
  }

  /** Whether there is something of a machine that runs: its QEMU, or a shim that is about to start one. */
  runs(machine: Machine): boolean {
    return this.#processes.runs(machine);
  }

  /** Has the shim send QEMU a signal; false when there is no shim, or it can't be reached now. */
  signal(launchId: string, number: number): boolean {
    return this.#connections.get(launchId)?.signal(number) ?? false;
  }

  /** Lets go of all shims, which go on. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections.values()) connection.close();
  }

  async #adoptOne(launchId: string): Promise<void> {
    const { registry, state, bootId } = this.#options;
    const record = state.read(launchId);
    if (record?.machine.mode === 'exec') return; // no shim: not one of these machines
    if (record?.bootId !== bootId) {
      // A shim that has noted the end of its QEMU only ends what that has left behind.
      if (this.#processes.isThere(launchId) && this.#readExit(launchId) === null)
        throw new Error('Cannot read the record of a machine whose shim lives: it is left alone');
      this.discard(launchId);
      return;
    }
    registry.put(this.#withStarted(record, launchId));
    const exit = this.#readExit(launchId);
    if (exit !== null) {
      this.#end(launchId, exit);
      this.#remains.remove(launchId);
    } else if (!(await this.#connect(launchId))) {
      if (this.#processes.isThere(launchId)) void this.#lookForShim(launchId);
      else this.#shimGone(launchId);
    }
  }

  /**
   * Resolves with true once the shim has spoken, or has not for a while: a shim that still launches its QEMU, or that is
   * stopped, is heard when it speaks, and must not keep the daemon from serving until then. False when none listens.
   */
  #connect(launchId: string): Promise<boolean> {
    return new Promise((resolve) => {
      let hasSpoken = false;
      let isSilent = false;
      const timer = setTimeout(() => {
        isSilent = true;
        resolve(true);
      }, GREETING_MS).unref();
      const connection = new ShimConnection(this.#options.state.connectToShim(launchId), {
        onMessage: (message) => {
          hasSpoken = true;
          this.#guard(launchId, () => this.#hear(launchId, message));
          if (message.kind === 'incompatible') this.#leaveAlone(launchId, message.version);
          if (message.kind !== 'started' && message.kind !== 'incompatible') return;
          clearTimeout(timer);
          resolve(true);
        },
        onClosed: () => {
          clearTimeout(timer);
          this.#connections.delete(launchId);
          if (!this.#isClosed && hasSpoken) this.#guard(launchId, () => this.#shimGone(launchId));
          else if (!this.#isClosed && isSilent) void this.#lookForShim(launchId);
          resolve(hasSpoken);
        },
      });
      this.#connections.set(launchId, connection);
    });
  }

  /** Its VM runs on as it is recorded; the shim needs no daemon to end it, and its end is seen as ever. */
  #leaveAlone(launchId: string, version: number): void {
    const error = new Error(
      `Cannot talk to a shim of protocol version ${version}, since this node driver speaks version ` +
        `${shimProtocolVersion}: its VM can't be signalled from here; use a node driver of the release that started it`,
    );
    this.#options.onError(launchId, error);
  }

  /** A shim lives, but can't be reached: it is still starting its QEMU, or this daemon lacks something to connect. */
  async #lookForShim(launchId: string): Promise<void> {
    const { registry, onError } = this.#options;
    const deadline = performance.now() + START_DEADLINE_MS;
    for (;;) {
      await delay(LOOK_INTERVAL_MS, undefined, { ref: false });
      if (this.#isClosed) return;
      try {
        if (await this.#connect(launchId)) return;
        const isLate = performance.now() >= deadline;
        const machine = registry.get(launchId);
        // Where the end of QEMU could not be noted, a shim that ends what it left behind is known by its silence alone.
        const hasEnded = machine !== undefined && !this.#processes.runs(machine);
        if (!this.#processes.isThere(launchId) || this.#readExit(launchId) !== null || (isLate && hasEnded)) {
          this.#shimGone(launchId);
          return;
        }
        if (isLate && machine?.qemu === undefined) this.#processes.kill(launchId);
      } catch (error) {
        onError(launchId, error);
        await delay(1000, undefined, { ref: false });
      }
    }
  }

  #withStarted(record: MachineRecord, launchId: string): Machine {
    const lines = this.#options.state.readFile(launchId, 'started')?.split('\n') ?? [];
    const reader = new ShimMessageReader();
    const message = lines.map((line) => reader.read(line)).find((each) => each?.kind === 'started');
    if (message?.kind !== 'started') return record.machine;
    const steps = this.#options.state.readSteps(launchId);
    return { ...record.machine, state: 'running', qemu: message.qemu, ...(steps && { steps }) };
  }

  #readExit(launchId: string): MachineExit | null {
    const text = this.#options.state.readFile(launchId, 'exit');
    return text === null ? null : parseExitRecord(text);
  }

  #hear(launchId: string, message: ShimMessage, steps?: readonly LaunchStepTime[]): void {
    const { registry, state } = this.#options;
    const machine = registry.get(launchId);
    if (machine === undefined) return;
    switch (message.kind) {
      case 'shim':
        registry.put({ ...machine, shim: message.shim });
        break;
      case 'started':
        registry.put({ ...machine, state: 'running', qemu: message.qemu, ...(steps && { steps }) });
        this.#options.onTransition?.('start-heard');
        if (steps !== undefined) state.writeSteps(launchId, steps);
        break;
      case 'exited':
        this.#end(launchId, { ...message.exit, at: new Date().toISOString() });
        break;
      case 'failed':
      case 'incompatible':
        break;
    }
  }

  #end(launchId: string, exit: MachineExit): void {
    const { registry } = this.#options;
    const machine = registry.get(launchId);
    if (machine === undefined) return;
    registry.put({ ...machine, state: 'exited', exit });
    this.#options.onTransition?.('exit-told');
  }

  /** There is no shim any more. With an exit that is as it should be; without, QEMU must not run on unsupervised. */
  #shimGone(launchId: string): void {
    const machine = this.#options.registry.get(launchId);
    if (machine?.state === 'starting' || machine?.state === 'running') {
      const exit = this.#readExit(launchId);
      if (exit !== null) this.#end(launchId, exit);
      else this.#lost(machine);
    }
    this.#remains.remove(launchId);
  }

  #lost(machine: Machine): void {
    if (machine.qemu !== undefined) this.#processes.killQemu(machine.qemu);
    const exit: MachineExit = { kind: 'unknown', reason: 'shim-gone', at: new Date().toISOString() };
    this.#options.registry.put({ ...machine, state: 'lost', exit });
    this.#options.onTransition?.('exit-told');
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
