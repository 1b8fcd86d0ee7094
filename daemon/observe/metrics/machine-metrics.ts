import { Gauge, type Registry } from 'prom-client';

import {
  exitReasons,
  launchModes,
  machineStates,
  type LaunchMode,
  type MachineExit,
  type MachineState,
} from '../../machines/machine.ts';
import { labelledCounter } from './labelled-counter.ts';
import { prefix } from './prefix.ts';

/** What is counted of a machine. */
export interface CountedMachine {
  readonly state: MachineState;
  readonly mode: LaunchMode;
}

/** What becomes of machines. */
export interface MachineMetrics {
  machineExited(reason: MachineExit['reason']): void;
  /** Where the number of machines comes from; asked at every scrape. */
  countMachines(source: () => readonly CountedMachine[]): void;
  /** The machines of an earlier daemon were taken over: as they were found. */
  machinesAdopted(machines: readonly CountedMachine[], seconds: number): void;
}

export function createMachineMetrics(registers: Registry[]): MachineMetrics {
  let machinesOf: () => readonly CountedMachine[] = () => [];

  new Gauge({
    name: `${prefix}machines`,
    help: 'Machines that the daemon remembers, by state and by how their QEMU got into its pod.',
    labelNames: ['state', 'mode'] as const,
    registers,
    collect(): void {
      const all = machinesOf();
      for (const state of machineStates)
        for (const mode of launchModes)
          this.set({ state, mode }, all.filter((each) => each.state === state && each.mode === mode).length);
    },
  });

  const exits = labelledCounter({
    name: 'machine_exits_total',
    help: 'Machines that ended, by what ended them.',
    label: 'reason',
    values: exitReasons,
    registers,
  });

  const adopted = new Gauge({
    name: `${prefix}adopted_machines`,
    help: 'Machines that this daemon took over from the one before when it started, by the state that it found them in: exited while there was no daemon, or lost since their supervisor was.',
    labelNames: ['state'] as const,
    registers,
  });
  for (const state of machineStates) adopted.set({ state }, 0);

  const adoption = new Gauge({
    name: `${prefix}adoption_duration_seconds`,
    help: 'Time that it took to take those machines over, during which the daemon serves no launch.',
    registers,
  });

  return {
    machineExited: exits,
    countMachines(source): void {
      machinesOf = source;
    },
    machinesAdopted(machines, seconds): void {
      for (const state of machineStates)
        adopted.set({ state }, machines.filter((each) => each.state === state).length);
      adoption.set(seconds);
    },
  };
}
