import fs from 'node:fs';

import type { Broker } from '../host/broker.ts';
import type { Libc } from '../host/libc.ts';
import type { PinnedProcess } from '../host/pinned-process.ts';
import type { Machine } from '../machines/machine.ts';
import type { MachineSupervisor } from '../machines/machine-supervisor.ts';
import type { StateDirectory } from '../machines/state-directory.ts';
import type { OnTransition } from '../machines/transition.ts';
import { encodePlan } from './encode-plan.ts';
import type { LaunchConnection } from './launch-connection.ts';
import type { LaunchPlan } from './launch-plan.ts';
import type { PinnedTarget } from './pinned-target.ts';

export interface ForkHandOverOptions {
  readonly libc: Libc;
  readonly broker: Broker;
  readonly supervisor: MachineSupervisor;
  readonly state: StateDirectory;
  readonly onTransition?: OnTransition;
}

/** One launch of fork mode that was allowed. */
export interface ForkLaunch {
  readonly machine: Machine;
  /** Told the cgroups of the shim. */
  readonly plan: (shimCgroups: readonly string[]) => LaunchPlan;
  readonly stub: PinnedProcess;
  readonly connection: LaunchConnection;
  readonly pinned: PinnedTarget;
}

/** Fork mode's way from an allowed request to a running QEMU: has a shim started that forks it, and waits for that. */
export class ForkHandOver {
  readonly #options: ForkHandOverOptions;

  constructor(options: ForkHandOverOptions) {
    this.#options = options;
  }

  /**
   * From the start of the shim on, the supervisor cleans up whatever comes of it.
   *
   * @throws ReportedFailure when the shim had to refuse and has told the stub; another error when nobody has
   */
  async run(launch: ForkLaunch): Promise<Machine> {
    const { broker, supervisor, onTransition } = this.#options;
    const { trail } = launch.connection;
    using opened = new DisposableStack();
    const { fds, report } = this.#open(launch, opened);
    // Before the shim is started: also one that comes to life while the broker's answer is lost is followed.
    trail.enter('started');
    trail.clock.enter('hand-over');
    const running = supervisor.follow(launch.machine.launchId, report, trail.clock);
    running.catch(() => undefined);
    onTransition?.('shim-wanted');
    await broker.startShim(fds, supervisor.birthplaceOf(launch.machine.launchId));
    trail.clock.enter('start');
    onTransition?.('shim-started');
    // The shim has its own of all of them.
    opened.dispose();
    return await running;
  }

  /** What the shim is given, and this side of the connection that it reports on. */
  #open(
    { machine, plan, stub, connection, pinned: { launcher, init } }: ForkLaunch,
    opened: DisposableStack,
  ): { readonly fds: readonly number[]; readonly report: number } {
    const { libc, supervisor, state } = this.#options;
    const { launchId } = machine;
    const keep = (fd: number): number => {
      opened.defer(() => fs.closeSync(fd));
      return fd;
    };
    try {
      const memory = keep(libc.sealedMemory('launch-plan', encodePlan(plan(supervisor.prepare(machine)))));
      const directory = keep(fs.openSync(state.directoryOf(launchId), fs.constants.O_DIRECTORY));
      connection.release();
      const stubsEnd = connection.descriptor;
      const processes = [launcher.pidfd, launcher.directory, init.pidfd, stub.directory];
      // Last, since nothing closes the side that stays.
      const [report, theirs] = libc.socketPair();
      return { fds: [stubsEnd, memory, keep(theirs), directory, ...processes], report };
    } catch (error) {
      supervisor.discard(launchId);
      throw error;
    }
  }
}
