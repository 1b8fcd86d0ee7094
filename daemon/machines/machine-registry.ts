import type { Machine } from './machine.ts';

/** So many machines that have ended are remembered, for people who ask why. */
const MAX_ENDED = 100;

/** One change of the registry. */
export interface MachineChange {
  readonly kind: 'added' | 'changed' | 'removed';
  /** As it is now; for `removed`, as it was last known. */
  readonly machine: Machine;
  /** Absent for `added`. */
  readonly before: Machine | undefined;
  /** The registry's revision after this change. */
  readonly revision: number;
}

export type MachineListener = (change: MachineChange) => void;

/** The machines of this node, by launch id. */
export class MachineRegistry {
  readonly #machines = new Map<string, Machine>();
  readonly #listeners = new Set<MachineListener>();
  #revision = 0;

  /** Number of changes so far. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * Tells of every change from now on, within the call that makes it.
   *
   * @param listener must not throw, and must not change the registry
   * @returns ends the subscription
   */
  subscribe(listener: MachineListener): () => void {
    // One entry for each subscription, also of the same function.
    const entry: MachineListener = (change) => listener(change);
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  /** Oldest first. */
  list(): readonly Machine[] {
    return [...this.#machines.values()].sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  }

  get(launchId: string): Machine | undefined {
    return this.#machines.get(launchId);
  }

  /** The machine that a VM has in a pod now, if any: a second one would write to the same disks. */
  findLive(vmUuid: string, podUid: string | null): Machine | undefined {
    return [...this.#machines.values()].find(
      (machine) => machine.vm.uuid === vmUuid && machine.podUid === podUid && isLive(machine),
    );
  }

  /** The machine that a VM has in another pod now, if any. */
  findLiveElsewhere(vmUuid: string, podUid: string | null): Machine | undefined {
    return [...this.#machines.values()].find(
      (machine) => machine.vm.uuid === vmUuid && machine.podUid !== podUid && isLive(machine),
    );
  }

  put(machine: Machine): void {
    const before = this.#machines.get(machine.launchId);
    this.#machines.set(machine.launchId, machine);
    this.#tell(before === undefined ? 'added' : 'changed', machine, before);
    const ended = [...this.#machines.values()].filter((each) => !isLive(each));
    for (const each of ended.slice(0, Math.max(0, ended.length - MAX_ENDED))) this.remove(each.launchId);
  }

  /** Forgets a machine: its launch came to nothing, or it ended long ago. */
  remove(launchId: string): void {
    const before = this.#machines.get(launchId);
    if (before === undefined) return;
    this.#machines.delete(launchId);
    this.#tell('removed', before, before);
  }

  #tell(kind: MachineChange['kind'], machine: Machine, before: Machine | undefined): void {
    this.#revision += 1;
    const change: MachineChange = { kind, machine, before, revision: this.#revision };
    for (const listener of this.#listeners) listener(change);
  }
}

function isLive(machine: Machine): boolean {
  return machine.state === 'starting' || machine.state === 'running';
}
