import type { Machine } from './machine.ts';

/** So many machines that have ended are remembered, for people who ask why. */
const MAX_ENDED = 100;

/** The machines of this node, by launch id. */
export class MachineRegistry {
  readonly #machines = new Map<string, Machine>();
  readonly #onChange: (machine: Machine, before: Machine | undefined) => void;

  constructor(onChange: (machine: Machine, before: Machine | undefined) => void) {
    this.#onChange = onChange;
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

  put(machine: Machine): void {
    const before = this.#machines.get(machine.launchId);
    this.#machines.set(machine.launchId, machine);
    this.#onChange(machine, before);
    const ended = [...this.#machines.values()].filter((each) => !isLive(each));
    for (const each of ended.slice(0, Math.max(0, ended.length - MAX_ENDED)))
      this.#machines.delete(each.launchId);
  }

  /** Forgets a launch that never became a machine. */
  remove(launchId: string): void {
    this.#machines.delete(launchId);
  }
}

function isLive(machine: Machine): boolean {
  return machine.state === 'starting' || machine.state === 'running';
}
