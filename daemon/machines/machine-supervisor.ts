import { hasCode } from '../errors.ts';
import type { Libc } from '../host/libc.ts';
import { PinnedProcess } from '../host/pinned-process.ts';
import type { ShimCgroups } from '../host/shim-cgroups.ts';
import { parseStat } from '../target/parse-stat.ts';
import type { ProcessIdentity } from '../target/target.ts';
import type { Machine, MachineExit } from './machine.ts';
import type { MachineRegistry } from './machine-registry.ts';
import { ShimConnection } from './shim-connection.ts';
import { parseShimMessage, type ShimMessage } from './shim-message.ts';
import type { MachineRecord, StateDirectory } from './state-directory.ts';

const SIGKILL = 9;
/** After this long without a word, a shim that was asked to start QEMU is taken for dead. */
const START_DEADLINE_MS = 15_000;

/** A launch that failed in the shim, which has told the stub already. */
export class ShimFailure extends Error {}

export interface MachineSupervisorOptions {
  readonly libc: Libc;
  readonly proc: string;
  readonly registry: MachineRegistry;
  readonly state: StateDirectory;
  readonly shimCgroups: ShimCgroups;
  readonly bootId: string;
}

/** Follows the shims of this node: keeps the registry true, and leaves nothing behind when one ends. */
export class MachineSupervisor {
  readonly #options: MachineSupervisorOptions;
  readonly #connections = new Map<string, ShimConnection>();

  constructor(options: MachineSupervisorOptions) {
    this.#options = options;
  }

  /** Makes a launch known, on disk first. The returned directories are the shim's cgroups. */
  prepare(machine: Machine): readonly string[] {
    const { registry, state, shimCgroups, bootId } = this.#options;
    registry.put(machine);
    const directories = shimCgroups.create(machine.launchId);
    state.create({ version: 1, bootId, machine, shimCgroups: directories });
    return directories;
  }

  /** Undoes {@link prepare} for a launch whose shim never ran, or failed. */
  discard(launchId: string): void {
    const { registry, state, shimCgroups } = this.#options;
    registry.remove(launchId);
    state.remove(launchId);
    shimCgroups.remove(launchId);
  }

  /**
   * Follows a shim that has just been started, until QEMU runs.
   *
   * @param fd the daemon's end of the socket pair of the launch; taken over
   * @throws ShimFailure when the shim could not start QEMU; everything is cleaned up then
   */
  async follow(launchId: string, fd: number): Promise<Machine> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => connection.close(), START_DEADLINE_MS);
      let failure = 'the shim ended without a word';
      let started = false;
      const connection = ShimConnection.ofDescriptor(fd, {
        onMessage: (message) => {
          this.#hear(launchId, message);
          if (message.kind === 'failed') failure = message.text;
          if (message.kind !== 'started') return;
          started = true;
          clearTimeout(timer);
          const machine = this.#options.registry.get(launchId);
          if (machine !== undefined) resolve(machine);
        },
        onClosed: () => {
          clearTimeout(timer);
          if (started) {
            this.#shimGone(launchId);
            return;
          }
          this.#connections.delete(launchId);
          this.discard(launchId);
          reject(new ShimFailure(failure));
        },
      });
      this.#connections.set(launchId, connection);
    });
  }

  /**
   * Takes over what an earlier daemon left: machines that run, machines that ended meanwhile, launches that never
   * came to be.
   */
  async adopt(): Promise<void> {
    const { state, shimCgroups } = this.#options;
    const known = state.list();
    await Promise.all(known.map((launchId) => this.#adoptOne(launchId)));
    for (const launchId of shimCgroups.list()) if (!known.includes(launchId)) shimCgroups.remove(launchId);
  }

  /** Whether there is something of a machine that runs: its QEMU, or a shim that is about to start one. */
  runs({ qemu }: Machine): boolean {
    if (qemu === undefined) return true;
    try {
      using pinned = PinnedProcess.open(this.#options.libc, this.#options.proc, qemu.pid);
      const stat = parseStat(pinned.readText('stat'));
      return stat?.startTime === qemu.startTime && stat.state !== 'Z';
    } catch (error) {
      if (hasCode(error, 'ESRCH', 'ENOENT')) return false;
      throw error;
    }
  }

  /** Lets go of all shims, which go on. */
  close(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  async #adoptOne(launchId: string): Promise<void> {
    const { registry, state, bootId } = this.#options;
    const record = state.read(launchId);
    if (record?.bootId !== bootId) {
      this.discard(launchId);
      return;
    }
    registry.put(this.#withStarted(record, launchId));
    const message = this.#readExit(launchId);
    if (message !== null) {
      this.#hear(launchId, message);
      this.#shimGone(launchId);
      return;
    }
    await new Promise<void>((resolve) => {
      const connection = ShimConnection.connect(state.shimSocketOf(launchId), {
        onMessage: (each) => {
          this.#hear(launchId, each);
          if (each.kind === 'started') resolve();
        },
        onClosed: () => {
          this.#shimGone(launchId);
          resolve();
        },
      });
      this.#connections.set(launchId, connection);
    });
  }

  #withStarted(record: MachineRecord, launchId: string): Machine {
    const line = this.#options.state.readFile(launchId, 'started')?.trimEnd() ?? '';
    const message = parseShimMessage(line);
    return message?.kind === 'started' ? { ...record.machine, qemu: message.qemu } : record.machine;
  }

  #readExit(launchId: string): ShimMessage | null {
    const [line] = this.#options.state.readFile(launchId, 'exit')?.split('\n') ?? [];
    return line === undefined ? null : parseShimMessage(line);
  }

  #hear(launchId: string, message: ShimMessage): void {
    const { registry } = this.#options;
    const machine = registry.get(launchId);
    if (machine === undefined) return;
    switch (message.kind) {
      case 'shim':
        registry.put({ ...machine, shim: message.shim });
        break;
      case 'started':
        registry.put({ ...machine, state: 'running', qemu: message.qemu });
        break;
      case 'exited':
        registry.put({
          ...machine,
          state: 'exited',
          exit: { ...message.exit, at: new Date().toISOString() },
        });
        break;
      case 'failed':
        break;
    }
  }

  /** The connection ended. With an exit that is as it should be; without, QEMU must not run on unsupervised. */
  #shimGone(launchId: string): void {
    const { registry } = this.#options;
    // A daemon that closes its side itself lets go of the shim: then there is nothing to conclude.
    if (!this.#connections.delete(launchId) && registry.get(launchId)?.state === 'running') return;
    const machine = registry.get(launchId);
    if (machine !== undefined && machine.state !== 'exited') {
      const written = this.#readExit(launchId);
      if (written !== null) this.#hear(launchId, written);
      else this.#lost(machine);
    }
    this.#options.state.remove(launchId);
    this.#options.shimCgroups.remove(launchId);
  }

  #lost(machine: Machine): void {
    if (machine.qemu !== undefined) this.#kill(machine.qemu);
    const exit: MachineExit = { kind: 'unknown', reason: 'shim-gone', at: new Date().toISOString() };
    this.#options.registry.put({ ...machine, state: 'lost', exit });
  }

  #kill(process: ProcessIdentity): void {
    const { libc, proc } = this.#options;
    try {
      using pinned = PinnedProcess.open(libc, proc, process.pid);
      if (parseStat(pinned.readText('stat'))?.startTime === process.startTime)
        libc.signal(pinned.pidfd, SIGKILL);
    } catch (error) {
      if (!hasCode(error, 'ESRCH', 'ENOENT')) throw error;
    }
  }
}
