import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { draftRequest, encodeRequest } from '../fuzz/encode-request.ts';
import { findCgroup, listCgroupRoots } from '../support/cgroups.ts';
import { limitCpuTime } from '../support/cpu-time.ts';
import type { NodeDriver } from '../support/node-driver.ts';
import { killNow } from '../support/processes.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import type { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Attackers of each kind. */
export const ATTACKERS = 10;
/** False launchers in each pod of AT-1. */
export const FALSE_LAUNCHERS = 100;
/** Connections of each attacker of AT-14 at once. */
export const CONNECTIONS = 30;
/** Half a core for all attackers: so much for the callers, and so much for each of the pods. */
const CALLERS_CORES = 0.3;
const POD_CORES = 0.01;
/** For a pod until its processes are there. */
const START_CORES = 0.1;
const KINDS = ['slow', 'large', 'whole', 'idle', 'garbage'] as const;

const program = join(import.meta.dirname, '../support/flood-socket.ts');

/**
 * Pods and callers that are out to keep one VM from starting: AT-1, AT-5 and AT-14 of the checklists. All of them share
 * half a core. They can be started and stopped again and again.
 */
export class Attackers {
  readonly #driver: NodeDriver;
  readonly #vmUuid: string;
  readonly #crowds: Sandbox[] = [];
  readonly #traps: Sandbox[] = [];
  readonly #cgroup: string;
  readonly #request: string;
  readonly #children: ChildProcess[] = [];

  private constructor(scratch: Scratch, driver: NodeDriver, vmUuid: string) {
    this.#driver = driver;
    this.#vmUuid = vmUuid;
    this.#cgroup = `/${scratch.id}-attackers`;
    this.#request = join(scratch.directory, 'request');
  }

  /** Makes their pods and cgroups; the scratch ends all of it. */
  static async prepare(scratch: Scratch, driver: NodeDriver, vmUuid: string): Promise<Attackers> {
    const attackers = new Attackers(scratch, driver, vmUuid);
    const env = [`KUBEVIRT_IO_VM_UUID=${vmUuid}`, 'KUBEVIRT_IO_SECRET=wrong'];
    writeFileSync(attackers.#request, encodeRequest(draftRequest(['qemu', '-name', 'guest=x'], env)));
    scratch.record({ kind: 'cgroup', path: attackers.#cgroup });
    // A new cpuset of version 1 has no CPU, and takes no process.
    for (const root of listCgroupRoots().filter((path) => !existsSync(join(path, 'cpuset.cpus'))))
      for (let i = 0; i < ATTACKERS; i++)
        mkdirSync(join(root, attackers.#cgroup, String(i)), { recursive: true });
    limitCpuTime(attackers.#cgroup, CALLERS_CORES);
    scratch.defer('end the attackers', () => attackers.stop());
    const startPod = async (): Promise<Sandbox> => {
      // It becomes a candidate only when it is told to attack.
      const argv = ['pause'];
      return startSandbox(scratch, { vmUuid, vmName: 'attacked', secret: false, argv });
    };
    for (let i = 0; i < ATTACKERS; i++) {
      attackers.#crowds.push(await startPod());
      const trap = await startPod();
      await layTrap(join(trap.secretDirectory, 'secret'), i);
      attackers.#traps.push(trap);
    }
    return attackers;
  }

  /** Comes back when all of them are at it. */
  async start(): Promise<void> {
    const pods = [...this.#crowds, ...this.#traps];
    for (const pod of pods) limitCpuTime(pod.cgroup, START_CORES);
    for (const pod of this.#crowds) this.#pretend(pod, FALSE_LAUNCHERS);
    for (const pod of this.#traps) this.#pretend(pod, 1);
    const { uid, gid } = findQemuAccount();
    const before = await this.#countRefusals();
    for (let i = 0; i < ATTACKERS; i++) {
      const attack = [KINDS[i % KINDS.length] ?? '', this.#driver.launchSocket, this.#request];
      const user = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
      const command = [process.execPath, program, ...attack, String(CONNECTIONS)];
      this.#run(join(this.#cgroup, String(i)), ['setpriv', ...user, ...command]);
    }
    const atIt = async (): Promise<true | undefined> => {
      const candidates = this.#crowds.every((pod) => pod.processes.length > FALSE_LAUNCHERS);
      const trapped = this.#traps.every((pod) => pod.processes.length > 1);
      return candidates && trapped && (await this.#countRefusals()) > before + 50 ? true : undefined;
    };
    await waitUntil('the attackers are at it', atIt, 120_000, 200);
    for (const pod of pods) limitCpuTime(pod.cgroup, POD_CORES);
  }

  /** Comes back when none of them is there any more; their pods stay. */
  async stop(): Promise<void> {
    for (const child of this.#children.splice(0)) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended;
    }
    const pods = [...this.#crowds, ...this.#traps];
    const isQuiet = (): true | undefined => {
      const left = pods.flatMap((pod) => pod.processes.filter((pid) => pid !== pod.pid));
      left.forEach(killNow);
      return left.length === 0 ? true : undefined;
    };
    await waitUntil('the attackers have gone', isQuiet, 60_000);
  }

  #pretend(pod: Sandbox, count: number): void {
    const enter = ['nsenter', '-t', String(pod.pid), '-m', '-u', '-i', '-n', '-p', '-C', '-r', '-w'];
    const script = `for ((i = 0; i < ${count}; i++)); do
      exec -a virt-launcher /launcher/virt-launcher -kubevirt.vm.uuid ${this.#vmUuid} &
    done; wait`;
    this.#run(pod.cgroup, [...enter, 'bash', '-c', script]);
  }

  /** In cgroups, as a process of a pod that got out of it. */
  #run(cgroup: string, command: readonly string[]): void {
    const files = findCgroup(cgroup).map((directory) => join(directory, 'cgroup.procs'));
    const script = 'n=$1; shift; while [ $n -gt 0 ]; do echo 0 > "$1"; shift; n=$((n - 1)); done; exec "$@"';
    const args = ['-c', script, 'sh', String(files.length), ...files, ...command];
    this.#children.push(spawn('sh', args, { stdio: ['ignore', 'ignore', 'inherit'] }));
  }

  async #countRefusals(): Promise<number> {
    const metrics = await (await fetch(`http://127.0.0.1:${this.#driver.httpPort}/metrics`)).text();
    return [...metrics.matchAll(/launches_total\{result="refused",[^}]*\} (\d+)/g)]
      .map(([, count]) => Number(count))
      .reduce((sum, count) => sum + count, 0);
  }
}

async function layTrap(path: string, index: number): Promise<void> {
  if (index % 3 === 0) await runCommand('mkfifo', ['-m', '666', path]);
  else if (index % 3 === 1)
    await runCommand('mknod', ['-m', '666', path, 'c', '1', '5']); // /dev/zero
  else {
    writeFileSync(path, '', { mode: 0o644 });
    truncateSync(path, 10 * 2 ** 30);
  }
}
