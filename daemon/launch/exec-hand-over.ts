import fs from 'node:fs';

import { hasCode, Refusal } from '../errors.ts';
import { MoveError, moveToCgroups, StrangerMoved } from '../host/move-to-cgroups.ts';
import type { Libc } from '../host/libc.ts';
import type { PinnedProcess } from '../host/pinned-process.ts';
import type { ExecSupervisor } from '../machines/exec-supervisor.ts';
import { hasEntered } from '../machines/has-entered.ts';
import type { Machine } from '../machines/machine.ts';
import { machineSignals } from '../machines/machine-signals.ts';
import { ReportedFailure } from '../machines/reported-failure.ts';
import type { OnTransition } from '../machines/transition.ts';
import { resolvesWithin } from '../resolves-within.ts';
import type { NamespaceKind } from '../target/target.ts';
import { encodePlan } from './encode-plan.ts';
import type { LaunchConnection } from './launch-connection.ts';
import type { LaunchPlan } from './launch-plan.ts';
import type { PinnedTarget } from './pinned-target.ts';

export interface ExecHandOverOptions {
  readonly libc: Libc;
  readonly supervisor: ExecSupervisor;
  /** Put before a path of the node. */
  readonly hostRoot: string;
  /** For the stub, from ENTER to QEMU. */
  readonly deadlineMs: number;
  /** Told where another process may have been moved in place of a stub. */
  readonly onStranger: (launchId: string, error: StrangerMoved) => void;
  readonly onTransition?: OnTransition;
}

/** One launch of exec mode that was allowed. */
export interface ExecLaunch {
  readonly machine: Machine;
  readonly plan: LaunchPlan;
  /** Those that the plan joins. */
  readonly namespaces: readonly NamespaceKind[];
  readonly stub: PinnedProcess;
  readonly connection: LaunchConnection;
  readonly pinned: PinnedTarget;
}

function launcherChanged(): Refusal {
  return new Refusal(
    'target-gone',
    'Cannot enter the pod: its launcher changed or ended while the VM was starting',
    'start the VM again when the pod is running',
  );
}

function stubEnded(): Refusal {
  return new Refusal(
    'launch-failed',
    'Cannot start the VM: its stub ended before QEMU was seen to run',
    'read the log of the domain',
  );
}

/** Exec mode's way from an allowed request to a running QEMU: moves the stub, sends it in, and sees what comes of it. */
export class ExecHandOver {
  readonly #options: ExecHandOverOptions;

  constructor(options: ExecHandOverOptions) {
    this.#options = options;
  }

  /**
   * @throws ReportedFailure when the stub could not become QEMU and has said why; a Refusal when nobody has told
   *   libvirt. The stub is ended in both cases, if it does not end by itself.
   */
  async run(launch: ExecLaunch): Promise<Machine> {
    const { supervisor, onTransition } = this.#options;
    const { machine, namespaces, pinned, stub } = launch;
    const { clock } = launch.connection.trail;
    const { init } = pinned.target;
    try {
      // On disk before the stub is anywhere but where libvirt put it.
      supervisor.prepare(machine, init, namespaces);
      clock.enter('hand-over');
      this.#move(launch);
      onTransition?.('stub-moved');
      clock.enter('start');
      await this.#sendIn(launch);
      if (!hasEntered(stub, machine.namespaces, namespaces)) {
        stub.signal(machineSignals.KILL);
        throw stubEnded();
      }
      onTransition?.('entry-seen');
    } catch (error) {
      // It may be in the pod's cgroups: whatever it is, it must not stay there.
      void supervisor.abandon(machine);
      throw error;
    }
    return supervisor.started(machine.launchId, init, clock);
  }

  /** First of all, so that what QEMU uses is the pod's from its first page on. */
  #move({ machine, plan, stub, pinned }: ExecLaunch): void {
    try {
      if (!pinned.launcher.read('cgroup').equals(pinned.cgroupText)) throw launcherChanged();
      moveToCgroups(
        stub,
        plan.cgroups.map((directory) => this.#options.hostRoot + directory),
      );
      if (!stub.read('cgroup').equals(pinned.cgroupText)) throw launcherChanged();
    } catch (error) {
      if (error instanceof StrangerMoved) this.#options.onStranger(machine.launchId, error);
      if (!stub.isAlive()) throw stubEnded();
      if (hasCode(error, 'ESRCH', 'ENOENT') && !(error instanceof MoveError)) throw launcherChanged();
      if (!(error instanceof MoveError)) throw error;
      throw new Refusal(
        'launch-failed',
        `Cannot join the pod's cgroup ${error.directory}: ${error.code}`,
        'check that the pod still runs and that its memory, pids and cpuset limits leave room',
        { cause: error },
      );
    }
  }

  async #sendIn({ plan, stub, connection, pinned }: ExecLaunch): Promise<void> {
    const { libc, deadlineMs, onTransition } = this.#options;
    const { launcher, init } = pinned;
    const memory = libc.sealedMemory('launch-plan', encodePlan(plan));
    let verdict: Promise<string | null>;
    try {
      verdict = connection.enter(libc, [memory, launcher.directory, launcher.pidfd, init.pidfd]);
    } finally {
      fs.closeSync(memory);
    }
    onTransition?.('stub-sent-in');
    if (!(await resolvesWithin(verdict, deadlineMs))) {
      // It hangs in a file system of the pod, perhaps still as root: it must not go on when that answers.
      stub.signal(machineSignals.KILL);
      throw new Refusal(
        'launch-failed',
        'Cannot start the VM: its stub did not get QEMU to run in time',
        'check the file systems of the pod, and that the pod is not paused',
      );
    }
    const failure = await verdict;
    if (failure !== null) throw new ReportedFailure(failure);
  }
}
