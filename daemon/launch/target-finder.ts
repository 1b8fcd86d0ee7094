import fs from 'node:fs';

import { Refusal, type RefusalOptions } from '../errors.ts';
import { scanLaunchers } from '../host/scan-launchers.ts';
import { cgroupIdentity } from '../target/cgroup-identity.ts';
import { selectTargets } from '../target/select-target.ts';
import type { VmIdentity } from '../target/target.ts';
import type { PinnedTarget } from './pinned-target.ts';
import { TurnedDown, verifyCandidate, type VerificationContext } from './verify-candidate.ts';

/** So many containers may claim one VM, and so many processes in each, before we stop looking. */
const MAX_CONTAINERS = 16;
const MAX_PROCESSES_PER_CONTAINER = 4;

/** A process that looked like a launcher of the VM, and why it was not taken. */
export interface TurnedDownCandidate {
  readonly pid: number;
  readonly reason: string;
}

/** The pods that say they are for this VM. Dispose each target. */
export interface FoundTargets {
  readonly targets: readonly PinnedTarget[];
  readonly turnedDown: readonly TurnedDownCandidate[];
  /** Launchers of this or any other VM that have ended: whose they were cannot be told any more. */
  readonly zombies: readonly number[];
}

/** Finds the pods of a VM among the processes of the node. */
export class TargetFinder {
  readonly #context: VerificationContext;

  constructor(context: VerificationContext) {
    this.#context = context;
  }

  find(vm: VmIdentity): FoundTargets {
    const { matching, zombies } = scanLaunchers(this.#context.proc, vm);
    const verified: PinnedTarget[] = [];
    const turnedDown: TurnedDownCandidate[] = [];
    for (const pid of this.#worthVerifying(matching)) {
      try {
        verified.push(verifyCandidate(this.#context, vm, pid));
      } catch (error) {
        if (!(error instanceof TurnedDown)) {
          for (const each of verified) each[Symbol.dispose]();
          throw error;
        }
        turnedDown.push({ pid, reason: error.message });
      }
    }

    const chosen = selectTargets(
      verified.map((pinned) => ({
        ...pinned.target,
        program: pinned.program,
        noFork: pinned.noFork,
        pinned,
      })),
    ).map(({ pinned }) => pinned);
    for (const each of verified) if (!chosen.includes(each)) each[Symbol.dispose]();
    return { targets: chosen, turnedDown, zombies };
  }

  /** A pod may run any number of processes that look like launchers: they must not hide another pod's. */
  #worthVerifying(pids: readonly number[]): readonly number[] {
    const containers = new Map<string, number[]>();
    for (const pid of pids) {
      const key = containerOf(this.#context, pid);
      const known = containers.get(key) ?? [];
      if (known.length < MAX_PROCESSES_PER_CONTAINER) containers.set(key, [...known, pid]);
    }
    return [...containers.values()].slice(0, MAX_CONTAINERS).flat();
  }

  /**
   * The one pod of a VM, where no secret helps to choose.
   *
   * @throws Refusal when there is none, or more than one
   */
  findOnly(vm: VmIdentity): PinnedTarget {
    const found = this.find(vm);
    const [first, ...others] = found.targets;
    if (first === undefined) throw notFound(vm, found);
    if (others.length === 0) return first;
    for (const each of found.targets) each[Symbol.dispose]();
    throw ambiguous(vm, found.targets, 'they can only be told apart by the secret');
  }
}

/** A guess, good enough to share the looks out: what counts is read again from the pinned process. */
function containerOf({ proc, kubepodsBase }: VerificationContext, pid: number): string {
  try {
    return JSON.stringify(cgroupIdentity(fs.readFileSync(`${proc}/${pid}/cgroup`, 'latin1'), kubepodsBase));
  } catch {
    return 'gone';
  }
}

/** Says that a VM has no pod here, with the first process that looked like one. */
export function notFound(vm: VmIdentity, { turnedDown, zombies }: FoundTargets): Refusal {
  const [first] = turnedDown;
  const [zombie] = zombies;
  if (first === undefined)
    return new Refusal(
      'target-not-found',
      `Cannot find a virt-launcher of VM ${describeVm(vm)} on this node` +
        (zombie === undefined ? '' : ` (process ${zombie} is the zombie of one that has ended)`),
      'start its pod on this node first, and check the uuid of the domain',
    );
  return new Refusal(
    'target-unusable',
    `Cannot use the virt-launcher of VM ${describeVm(vm)}: process ${first.pid} ${first.reason}`,
    "start the VM's pod anew",
  );
}

/** Says that several pods claim one VM. */
export function ambiguous(
  vm: VmIdentity,
  targets: readonly PinnedTarget[],
  why: string,
  options?: RefusalOptions,
): Refusal {
  const pods = targets.map(({ target }) => target.podUid ?? `process ${target.pid}`).join(' and ');
  return new Refusal(
    'target-ambiguous',
    `Cannot choose between the pods of VM ${describeVm(vm)} (${pods}): ${why}`,
    "delete the pod that is not the VM's, or give each pod a secret of its own",
    options,
  );
}

function describeVm({ uuid, name }: VmIdentity): string {
  return name === undefined ? `"${uuid}"` : `"${uuid}" ("${name}")`;
}
