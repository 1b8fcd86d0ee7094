import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { readArguments } from './processes.ts';
import { waitUntil } from './wait-until.ts';

const program = join(import.meta.dirname, '../fixtures/build/virt-launcher');

/** Processes of this machine, in no container, with the command lines of launchers. */
export class StandInLaunchers {
  readonly #children: ChildProcess[] = [];

  async start(name: string, args: readonly string[]): Promise<number> {
    const child = spawn(program, args, { argv0: name, stdio: 'ignore' });
    this.#children.push(child);
    const pid = child.pid ?? 0;
    await waitUntil('it runs', () => (readArguments(pid)[0] === name ? true : undefined), 5000);
    return pid;
  }

  async endAll(): Promise<void> {
    for (const child of this.#children.splice(0)) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
  }
}
