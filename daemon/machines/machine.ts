import type { CgroupMembership, Namespaces, ProcessIdentity } from '../target/target.ts';
import type { LaunchStepTime } from './launch-step.ts';

export const launchModes = ['fork', 'exec'] as const;

/** `fork`: QEMU is the child of a shim, and the stub waits; `exec`: the stub became QEMU. */
export type LaunchMode = (typeof launchModes)[number];

export const machineStates = ['starting', 'running', 'exited', 'lost'] as const;

export type MachineState = (typeof machineStates)[number];

export const exitReasons = ['qemu', 'stub-gone', 'pod-gone', 'shim-gone', 'oom'] as const;

/** How QEMU ended. `kind: 'unknown'` when the shim died before it could tell, or nobody could. */
export interface MachineExit {
  readonly kind: 'exit' | 'signal' | 'unknown';
  /** Exit status, or signal number; absent when unknown. */
  readonly value?: number;
  /**
   * `qemu` ended by itself, or was ended because the stub, the pod or the shim went away, or because the pod ran out of
   * memory.
   */
  readonly reason: (typeof exitReasons)[number];
  /** RFC 3339 time. */
  readonly at: string;
}

/** One VM that this node's driver started or adopted. */
export interface Machine {
  readonly launchId: string;
  readonly vm: { readonly uuid: string; readonly name?: string };
  readonly podUid: string | null;
  readonly containerId: string | null;
  readonly state: MachineState;
  readonly mode: LaunchMode;
  /** The probe profile of its stub; absent where the stub is in none. */
  readonly profile?: string;
  readonly emulator: string;
  readonly stub: ProcessIdentity;
  readonly shim?: ProcessIdentity;
  readonly qemu?: ProcessIdentity;
  readonly target: ProcessIdentity;
  readonly namespaces: Namespaces;
  readonly cgroups: readonly CgroupMembership[];
  /** RFC 3339 time at which the launch was accepted. */
  readonly createdAt: string;
  /** How long its launch took; absent while it starts, and where no daemon was there to see it. */
  readonly steps?: readonly LaunchStepTime[];
  readonly exit?: MachineExit;
}
