import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FakeLaunchTarget } from './fake-launch.ts';
import { listCgroupProcesses } from './cgroups.ts';
import { limitCpuTime } from './cpu-time.ts';
import type { NodeDriver } from './node-driver.ts';
import { endProcess, killNow, type ProcessIdentity } from './processes.ts';
import { findQemuAccount } from './qemu-account.ts';
import { runCommand } from './run-command.ts';
import type { Scratch } from './scratch.ts';
import { TestCgroup } from './test-cgroup.ts';
import { waitUntil } from './wait-until.ts';

export interface StubCrowdOptions {
  readonly uid: number;
  readonly size: number;
  /** The VM that they all ask for, with a secret that is none. */
  readonly vm: FakeLaunchTarget;
  readonly cgroup: TestCgroup;
}

/** Very many stubs that one user has started, and starts anew as soon as they end. */
export class StubCrowd {
  readonly #shell: ProcessIdentity;
  readonly #cgroup: TestCgroup;
  readonly #directory: string;

  private constructor(shell: ProcessIdentity, cgroup: TestCgroup, directory: string) {
    this.#shell = shell;
    this.#cgroup = cgroup;
    this.#directory = directory;
  }

  /** A cgroup for crowds, with half a core. */
  static makeCgroup(scratch: Scratch, name = 'crowd'): TestCgroup {
    const cgroup = TestCgroup.make(scratch, name);
    limitCpuTime(cgroup.path, 0.5);
    return cgroup;
  }

  /** Comes back when all of them wait to be let go, at once. */
  static async gather(
    scratch: Scratch,
    driver: Pick<NodeDriver, 'emulator'>,
    { uid, size, vm, cgroup }: StubCrowdOptions,
  ): Promise<StubCrowd> {
    const directory = join(scratch.directory, `crowd-${uid}-${Date.now()}`);
    mkdirSync(directory, { mode: 0o755 });
    const gate = join(directory, 'gate');
    await runCommand('mkfifo', ['-m', '644', gate]);
    // Whoever opens the gate to read waits for somebody who opens it to write.
    const script = `i=0; while [ $i -lt ${size} ]; do
      { : < "$1"; while [ ! -e "$2" ]; do "$3" -name guest=${vm.vmName}; done; } & i=$((i + 1))
    done; wait`;
    const ids = ['setpriv', `--reuid=${uid}`, `--regid=${findQemuAccount().gid}`, '--clear-groups', '--'];
    const words = ['sh', '-c', script, 'sh', gate, join(directory, 'over'), driver.emulator];
    const [program = '', ...args] = cgroup.around([...ids, ...words]);
    const shell = await scratch.startBackground(program, args, join(directory, 'log'), {
      environment: {
        KUBEVIRT_IO_VM_UUID: vm.vmUuid,
        KUBEVIRT_IO_VM_NAME: vm.vmName,
        KUBEVIRT_IO_SECRET: 'of nobody',
      },
    });
    const crowd = new StubCrowd(shell, cgroup, directory);
    await waitUntil('they are all there', () => (crowd.count > size ? true : undefined), 60_000);
    return crowd;
  }

  /** Processes, the shells that wait for stubs among them. */
  get count(): number {
    return listCgroupProcesses(this.#cgroup.directories[0] ?? '').length;
  }

  /** What their stubs have said. */
  get said(): readonly string[] {
    return readFileSync(join(this.#directory, 'log'), 'utf8').split('\n').filter(Boolean);
  }

  go(): void {
    closeSync(openSync(join(this.#directory, 'gate'), 'w'));
  }

  /** Ends them, and comes back when none of them is there any more. */
  async stop(): Promise<void> {
    writeFileSync(join(this.#directory, 'over'), '');
    await endProcess(this.#shell, 0);
    await waitUntil(
      'they have gone',
      () => {
        const pids = listCgroupProcesses(this.#cgroup.directories[0] ?? '');
        pids.forEach(killNow);
        return pids.length === 0 ? true : undefined;
      },
      60_000,
    );
  }
}
