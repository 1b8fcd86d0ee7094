import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from './processes.ts';
import { endProcess, identify, isRunning } from './processes.ts';
import type { CommandOptions, CommandResult } from './run-command.ts';
import { runCommand } from './run-command.ts';
import type { Scratch } from './scratch.ts';
import { waitUntil } from './wait-until.ts';

const reaper = join(import.meta.dirname, '../fixtures/build/reaper');

export interface RuncContainerOptions {
  readonly id: string;
  /** Holds the container's files. */
  readonly directory: string;
  /** Its cgroup is a scope in a slice of systemd. */
  readonly systemdCgroup?: boolean;
}

/** One container of runc, from its OCI configuration to its removal. */
export class RuncContainer {
  readonly #id: string;
  readonly #directory: string;
  readonly #root: string;
  readonly #scratch: Scratch;
  readonly #isSystemd: boolean;
  #init: ProcessIdentity | undefined;

  constructor(scratch: Scratch, { id, directory, systemdCgroup = false }: RuncContainerOptions) {
    this.#scratch = scratch;
    this.#id = id;
    this.#directory = directory;
    this.#root = join(scratch.runDirectory, 'runc');
    this.#isSystemd = systemdCgroup;
  }

  /** The container's first process, with its pid on the host. */
  get init(): ProcessIdentity {
    if (this.#init === undefined) throw new Error('The container has not been started');
    return this.#init;
  }

  /** What runc and the container's first process have written. */
  get log(): string {
    const path = join(this.#directory, 'log');
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  }

  /** Starts the container and comes back when its first process is the one of the configuration. */
  async run(spec: object): Promise<void> {
    mkdirSync(this.#directory, { recursive: true });
    writeFileSync(join(this.#directory, 'config.json'), JSON.stringify(spec, undefined, 2));
    this.#scratch.record({ kind: 'container', root: this.#root, id: this.#id });
    const log = join(this.#directory, 'log');
    const pidFile = join(this.#directory, 'pid');
    const cgroups = this.#isSystemd ? ['--systemd-cgroup'] : [];
    const run = [...cgroups, 'run', '--detach', '--pid-file', pidFile, '--bundle', this.#directory, this.#id];
    const parent = await this.#scratch.startBackground(
      reaper,
      ['runc', '--root', this.#root, '--log', log, ...run],
      log,
    );
    const pid = await waitUntil(
      'runc has started the container',
      () => {
        const text = existsSync(pidFile) ? readFileSync(pidFile, 'utf8') : '';
        if (text !== '') return Number(text);
        if (isRunning(parent)) return undefined;
        throw new Error(`Cannot start the container: ${this.log.slice(-2000)}`);
      },
      30_000,
    );
    this.#init = identify(pid);
    // runc writes the pid before it lets the process go: it is the configuration's only after the exec.
    await waitUntil("the container's first process runs", () => this.#hasExecuted(), 10_000);
  }

  /** @param runcOptions those of `runc exec` */
  async exec(
    args: readonly string[],
    runcOptions: readonly string[] = [],
    options: CommandOptions = {},
  ): Promise<CommandResult> {
    return runCommand('runc', ['--root', this.#root, 'exec', ...runcOptions, this.#id, ...args], options);
  }

  /** Starts a process in the container that stays there; gives its pid on the host. */
  async execBackground(args: readonly string[], output = '/dev/null'): Promise<ProcessIdentity> {
    const pidFile = join(this.#directory, `exec-${randomBytes(4).toString('hex')}.pid`);
    const command = ['--root', this.#root, 'exec', '--detach', '--pid-file', pidFile, this.#id];
    const script = 'output=$1; shift; exec "$@" < /dev/null >> "$output" 2>&1';
    await runCommand('sh', ['-c', script, 'sh', output, 'runc', ...command, ...args]);
    return identify(Number(readFileSync(pidFile, 'utf8')));
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    await this.#runc('kill', this.#id, signal.replace(/^SIG/, ''));
  }

  /** Waits for the end of the container's first process. */
  async waitForEnd(timeout = 5000): Promise<void> {
    await waitUntil(
      "the container's first process has ended",
      () => (isRunning(this.init) ? undefined : true),
      timeout,
    );
  }

  /** `runc delete`, as a runtime does it once the container's first process has ended. */
  async delete(): Promise<void> {
    await this.waitForEnd();
    await this.#runc('delete', this.#id);
  }

  /** `runc delete --force`: kills what is in it; from any state, and a second call finds nothing to do. */
  async remove(): Promise<void> {
    if (existsSync(join(this.#root, this.#id))) await this.#runc('delete', '--force', this.#id);
    if (this.#init !== undefined) await endProcess(this.#init, 0);
  }

  #hasExecuted(): true | undefined {
    if (!isRunning(this.init)) throw new Error(`The container ended: ${this.log.slice(-2000)}`);
    const [name] = readFileSync(`/proc/${this.init.pid}/cmdline`, 'utf8').split('\0');
    return name?.includes('runc') === true || name === '' ? undefined : true;
  }

  async #runc(...args: readonly string[]): Promise<CommandResult> {
    return runCommand('runc', ['--root', this.#root, ...args]);
  }
}
