import type { PinnedProcess } from '../host/pinned-process.ts';
import type { LauncherProgram } from '../target/launcher-command-line.ts';
import type { PodUsers } from '../target/pod-users.ts';
import type { Target } from '../target/target.ts';

/** A target that was verified, with the processes that prove it held fast. */
export class PinnedTarget implements Disposable {
  readonly target: Target;
  readonly launcher: PinnedProcess;
  readonly init: PinnedProcess;
  readonly program: LauncherProgram;
  readonly noFork: boolean;
  /** `/proc/PID/cgroup` as it was when the decision was made. */
  readonly cgroupText: Buffer;
  readonly oomScoreAdj: number;
  /** Its container has CAP_SYS_PTRACE. */
  readonly canTrace: boolean;
  /** `null`: it has the node's user namespace. */
  readonly users: PodUsers | null;

  constructor(fields: Omit<PinnedTarget, typeof Symbol.dispose>) {
    this.target = fields.target;
    this.launcher = fields.launcher;
    this.init = fields.init;
    this.program = fields.program;
    this.noFork = fields.noFork;
    this.cgroupText = fields.cgroupText;
    this.oomScoreAdj = fields.oomScoreAdj;
    this.canTrace = fields.canTrace;
    this.users = fields.users;
  }

  [Symbol.dispose](): void {
    this.launcher[Symbol.dispose]();
    this.init[Symbol.dispose]();
  }
}
