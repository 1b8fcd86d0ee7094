import { Refusal, type RefusalOptions } from '../errors.ts';
import { FairQueue, type Asker } from '../fair-queue.ts';
import type { LauncherIndex, LauncherSearch } from '../host/launcher-index.ts';
import type { Place } from '../host/process-places.ts';
import type { Turns } from '../host/turns.ts';
import { isLauncherItself, selectTargets } from '../target/select-target.ts';
import type { VmIdentity } from '../target/target.ts';
import { byContainer } from './by-container.ts';
import type { PinnedTarget } from './pinned-target.ts';
import { TurnedDown, verifyCandidate, type VerificationContext } from './verify-candidate.ts';
import { waitInLine } from './wait-in-line.ts';

/** Searches at once, and of one caller for one VM: who asks over and over delays neither other VMs nor other callers. */
const VERIFICATIONS = { total: 16, perKey: 2 } as const;
/** In a line for people. */
const MAX_NAMED_PODS = 4;

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

export interface TargetFinderOptions extends VerificationContext {
  readonly index: LauncherIndex;
  /** Shared by all whose work is long. */
  readonly turns: Turns;
}

/** Finds the pods of a VM among the processes of the node. */
export class TargetFinder {
  readonly #context: VerificationContext;
  readonly #turns: Turns;
  readonly #index: LauncherIndex;
  readonly #verifications = new FairQueue(VERIFICATIONS);

  constructor({ index, turns, ...context }: TargetFinderOptions) {
    this.#context = context;
    this.#turns = turns;
    this.#index = index;
  }

  /**
   * Looks through all processes of the node.
   *
   * @param asker whom the search is counted against
   */
  async find(vm: VmIdentity, asker: Asker): Promise<FoundTargets> {
    const search = await this.#index.search(vm);
    return this.#inLine(vm, asker, search);
  }

  /** Whether several containers are known to claim this VM. */
  isContested(vm: VmIdentity): boolean {
    return new Set(this.#index.known(vm).map(({ place }) => place.container)).size > 1;
  }

  /**
   * Looks at the launchers that are known already, or that a look under way finds, or else at those that have come since,
   * which is quick. There may be others: where the answer won't do, `find`.
   */
  async findKnown(vm: VmIdentity, asker: Asker): Promise<FoundTargets> {
    const known = await this.findIndexed(vm, asker);
    if (known.targets.length > 0) return known;
    // A daemon that has just started has not looked at all processes yet.
    if (await this.#index.settle()) {
      const found = await this.findIndexed(vm, asker);
      if (found.targets.length > 0) return found;
    }
    await this.#index.update();
    return this.findIndexed(vm, asker);
  }

  /**
   * Looks at the launchers that are known already.
   *
   * @param passOver tells the containers that are not looked at
   */
  findIndexed(
    vm: VmIdentity,
    asker: Asker,
    passOver: (place: Place) => boolean = () => false,
  ): Promise<FoundTargets> {
    const matching = this.#index.known(vm).filter(({ place }) => !passOver(place));
    return this.#inLine(vm, asker, { matching, zombies: [] });
  }

  async #inLine(vm: VmIdentity, asker: Asker, search: LauncherSearch): Promise<FoundTargets> {
    if (search.matching.length === 0) return { targets: [], turnedDown: [], zombies: search.zombies };
    const key = `${vm.uuid} ${asker.origin ?? ''}`;
    return waitInLine(this.#verifications, key, () => this.#verify(vm, search, asker), asker);
  }

  async #verify(
    vm: VmIdentity,
    { matching, zombies }: LauncherSearch,
    { gone }: Asker,
  ): Promise<FoundTargets> {
    const slices = this.#turns.begin();
    const verified: PinnedTarget[] = [];
    const turnedDown: TurnedDownCandidate[] = [];
    const verify = async (pid: number): Promise<PinnedTarget | null> => {
      try {
        if (slices.isOver) await slices.next();
        return await verifyCandidate(this.#context, vm, pid, slices);
      } catch (error) {
        if (!(error instanceof TurnedDown)) throw error;
        turnedDown.push({ pid, reason: error.message });
        return null;
      }
    };
    try {
      for (const pids of byContainer(matching))
        for (const pid of pids) {
          gone?.throwIfAborted();
          const candidate = await verify(pid);
          if (candidate === null) continue;
          verified.push(candidate);
          // The others of this container would stand for the same target.
          if (isLauncherItself(candidate)) break;
        }
    } catch (error) {
      for (const each of verified) each[Symbol.dispose]();
      throw error;
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

  /**
   * The one pod of a VM, where no secret helps to choose.
   *
   * @throws Refusal when there is none, or more than one
   */
  async findOnly(vm: VmIdentity, asker: Asker): Promise<PinnedTarget> {
    const known = await this.findKnown(vm, asker);
    const found = known.targets.length > 0 ? known : await this.find(vm, asker);
    const [first, ...others] = found.targets;
    if (first === undefined) throw notFound(vm, found);
    if (others.length === 0) return first;
    for (const each of found.targets) each[Symbol.dispose]();
    // Who asks by the API may know which pods there are.
    throw ambiguous(vm, found.targets, `${namePods(found.targets)} can only be told apart by the secret`);
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

/** Says that several pods claim one VM; which they are, a caller that has not shown the secret is not told. */
export function ambiguous(
  vm: VmIdentity,
  targets: readonly PinnedTarget[],
  why: string,
  { detail, ...options }: RefusalOptions = {},
): Refusal {
  const pods = namePods(targets);
  return new Refusal(
    'target-ambiguous',
    `Cannot choose between the ${targets.length} pods of VM ${describeVm(vm)}: ${why}`,
    "delete the pod that is not the VM's, or give each pod a secret of its own",
    { ...options, detail: detail === undefined ? pods : `${pods}: ${detail}` },
  );
}

function namePods(targets: readonly PinnedTarget[]): string {
  const names = targets.map(({ target }) => target.podUid ?? `process ${target.pid}`);
  const others = names.length - MAX_NAMED_PODS;
  return [...names.slice(0, MAX_NAMED_PODS), ...(others > 0 ? [`${others} more`] : [])].join(' and ');
}

function describeVm({ uuid, name }: VmIdentity): string {
  return name === undefined ? `"${uuid}"` : `"${uuid}" ("${name}")`;
}
