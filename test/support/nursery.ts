import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { findCgroup } from './cgroups.ts';
import { endProcess } from './processes.ts';
import type { Sandbox } from './sandbox.ts';
import type { Scratch } from './scratch.ts';

/**
 * Gives birth to processes of a pod, with pids that others had: `test/fixtures/nursery.c`. All of it is done when a
 * call comes back, so that it can be done between any two steps of a daemon that runs in this process.
 */
export class Nursery {
  readonly #input: number;
  readonly #output: number;

  private constructor(input: number, output: number) {
    this.#input = input;
    this.#output = output;
  }

  /** @param command what `start` starts: the program's path, then its arguments from argv[0] on */
  static async open(scratch: Scratch, pod: Sandbox, command: readonly string[] = []): Promise<Nursery> {
    const path = join(scratch.directory, `nursery-${pod.containerId.slice(0, 12)}`);
    const [input, output] = [`${path}.in`, `${path}.out`];
    execFileSync('mkfifo', [input, output]);
    const nursery = new Nursery(openSync(input, 'r+'), openSync(output, 'r+'));
    // A line also where it ends or does not start: who waits for an answer must not wait for ever.
    const script =
      'in=$1 out=$2 pid=$3; shift 3; exec 3<>/proc/sys/kernel/ns_last_pid; ' +
      'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; ' +
      'nsenter --target "$pid" -m -n -i -u -C -p --no-fork "$@" < "$in" > "$out"; echo gone > "$out"';
    const args = [...findCgroup(pod.cgroup), '--', '/opt/fixtures/nursery', ...command];
    const shell = await scratch.startBackground(
      'sh',
      ['-c', script, 'sh', input, output, String(pod.pid), ...args],
      `${path}.log`,
    );
    scratch.defer('end the nursery', async () => {
      nursery.#close();
      await endProcess(shell, 0);
    });
    nursery.#read();
    return nursery;
  }

  /** Starts its program; gives the pid. */
  start(): number {
    return this.#ask('start');
  }

  /** Kills and reaps a child: its pid is free then. */
  kill(pid: number): void {
    this.#ask(`kill ${pid}`);
  }

  /** Has a process with this pid, which must be free; false where somebody else was quicker. */
  take(pid: number): boolean {
    return this.#ask(`take ${pid}`) > 0;
  }

  /** Kills that process; gives how many signals it got from others. */
  count(): number {
    return this.#ask('count');
  }

  #ask(line: string): number {
    writeSync(this.#input, `${line}\n`);
    return this.#read();
  }

  #read(): number {
    const buffer = Buffer.alloc(64);
    const answer = buffer.toString('latin1', 0, readSync(this.#output, buffer)).trim();
    if (!/^\d+$/.test(answer)) throw new Error(`The nursery of a pod says "${answer}"`);
    return Number(answer);
  }

  #close(): void {
    closeSync(this.#input);
    closeSync(this.#output);
  }
}
