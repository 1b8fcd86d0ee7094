import { Refusal } from '../errors.ts';
import type { AttachLock } from '../host/attach-lock.ts';
import type { CgroupHierarchy } from '../host/host-cgroups.ts';
import type { LaunchMode } from '../machines/machine.ts';
import { resolvesWithin } from '../resolves-within.ts';
import { movesProcess } from './moves-process.ts';

/** Where it takes as long, cgroups can't be made either. */
const PATIENCE_MS = 5000;

/** The kernel's lock of {@link AttachLock} as launches need it: begun where nothing waits yet, waited for before cgroups are made. */
export class LaunchLock {
  readonly #lock: Pick<AttachLock, 'take' | 'takeUnlessFresh' | 'free'>;
  readonly #hierarchies: readonly Pick<CgroupHierarchy, 'controllers'>[];

  constructor(
    lock: Pick<AttachLock, 'take' | 'takeUnlessFresh' | 'free'>,
    hierarchies: readonly Pick<CgroupHierarchy, 'controllers'>[],
  ) {
    this.#lock = lock;
    this.#hierarchies = hierarchies;
  }

  /** Ahead of a launch in one of the modes: takes it if that may need it. */
  anticipate(modes: readonly LaunchMode[]): void {
    if (modes.some((mode) => movesProcess(mode, this.#hierarchies))) void this.#lock.take();
  }

  /** Just ahead of one: takes it if that needs it, or lets whoever takes it end. Never rejects; {@link wait} has the end. */
  begin(mode: LaunchMode): Promise<void> {
    return movesProcess(mode, this.#hierarchies) ? this.#lock.takeUnlessFresh() : this.#lock.free();
  }

  /** @throws Refusal `busy` when what was begun does not end in 5 s */
  async wait(begun: Promise<void>): Promise<void> {
    if (await resolvesWithin(begun, PATIENCE_MS)) return;
    throw new Refusal(
      'busy',
      'Cannot start the VM: the kernel lets no process go to another cgroup',
      'see what makes, moves or removes cgroups on this node, and start the VM again',
    );
  }
}
