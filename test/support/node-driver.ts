import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { LaunchMode } from '../../daemon/machines/machine.ts';
import { buildStubs } from './build-stubs.ts';
import { listCgroupParents } from './cgroups.ts';
import type { Failpoints } from './failpoints.ts';
import type { ProcessIdentity } from './processes.ts';
import { endProcess, isRunning, listDescendants, readArguments } from './processes.ts';
import { findQemuAccount } from './qemu-account.ts';
import type { CommandOptions, CommandResult } from './run-command.ts';
import { runCommand } from './run-command.ts';
import type { SandboxMount } from './sandbox-spec.ts';
import type { Scratch } from './scratch.ts';
import { askApi, askHttp } from './secret-watch/ask-daemon.ts';
import { createWatchedApiClient } from './secret-watch/watched-api-client.ts';
import { waitUntil } from './wait-until.ts';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'daemon/main.ts');
const stoppable = join(import.meta.dirname, 'stoppable-daemon.ts');

export interface NodeDriverOptions {
  /** Which stub is installed, and what the daemon is configured for; `fork` by default. */
  readonly mode?: LaunchMode;
  /** A program to install in place of the stub that is built here: that of another release. */
  readonly stub?: string;
  /** Lines for the configuration file, in place of those that are there by default or beside them. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Runs the daemon elsewhere than beside the test, e.g. in a container; gives its process. */
  readonly run?: (command: readonly string[], log: string) => Promise<ProcessIdentity>;
  /** Daemon and programs in C are such that stop where it has a mark. */
  readonly failpoints?: Failpoints;
  /** What the programs in C are compiled with so that they lack a defence: see `#ifdef` in `stub/`. */
  readonly without?: readonly string[];
}

/**
 * The daemon as a process of its own, with its sockets in the scratch's run directory, and a stub that was compiled for
 * them: nothing meets a node driver that is installed on the machine. Made by `startNodeDriver`.
 */
export class NodeDriver {
  readonly configPath: string;
  readonly logPath: string;
  /** Its standard output, unless `run` has it elsewhere. */
  readonly auditPath: string;
  readonly runDirectory: string;
  /** Port of /healthz, /readyz and /metrics on 127.0.0.1. */
  readonly httpPort: number;
  /** Path for a domain's `<emulator>`: the stub, setuid root, its capability probes answered by the machine's QEMU. */
  readonly emulator: string;
  /** The program that `emulator` is: the name in front of what it says. */
  readonly stubName: 'qemu-kube' | 'qemu-kube-exec';
  readonly #scratch: Scratch;
  readonly #mode: LaunchMode;
  readonly #failpoints: Failpoints | undefined;
  readonly #without: readonly string[];
  readonly #run: NonNullable<NodeDriverOptions['run']>;
  #process: ProcessIdentity | undefined;

  constructor(scratch: Scratch, httpPort: number, options: NodeDriverOptions = {}) {
    const { mode = 'fork', run, failpoints, without = [] } = options;
    this.#scratch = scratch;
    this.#without = without;
    this.#mode = mode;
    this.#failpoints = failpoints;
    this.stubName = mode === 'exec' ? 'qemu-kube-exec' : 'qemu-kube';
    this.httpPort = httpPort;
    this.configPath = join(scratch.directory, 'qemu-kube.conf');
    this.logPath = join(scratch.directory, 'node-driver.log');
    this.auditPath = join(scratch.directory, 'node-driver.audit');
    const stdout = { stdout: this.auditPath };
    this.#run =
      run ?? (([program = '', ...args], log) => scratch.startBackground(program, args, log, stdout));
    this.runDirectory = join(scratch.runDirectory, 'driver');
    this.emulator = join(scratch.directory, 'emulators/default/qemu-system-x86_64');
    scratch.watch.addQuestion(scratch, () => this.#ask());
  }

  get launchSocket(): string {
    return join(this.runDirectory, 'launch/launch.sock');
  }

  /** What a container of libvirt needs of the driver. */
  get libvirtMounts(): readonly SandboxMount[] {
    const emulators = join(this.emulator, '../..');
    const launch = join(this.launchSocket, '..');
    return [
      { source: emulators, destination: emulators, readOnly: true, suid: true },
      { source: launch, destination: launch, readOnly: true },
    ];
  }

  get apiSocket(): string {
    return join(this.runDirectory, 'api/api.sock');
  }

  get process(): ProcessIdentity {
    if (this.#process === undefined) throw new Error('The daemon has not been started');
    return this.#process;
  }

  get broker(): ProcessIdentity {
    const broker = listDescendants(this.process).find(({ pid }) =>
      readArguments(pid)[0]?.endsWith('/qemu-kube-broker'),
    );
    if (broker === undefined) throw new Error('The daemon has no broker');
    return broker;
  }

  get log(): string {
    return existsSync(this.logPath) ? readFileSync(this.logPath, 'utf8') : '';
  }

  /** Builds the programs in C and installs the stub. */
  async install(stub?: string): Promise<void> {
    const build = join(this.#scratch.directory, 'stub');
    const variables: string[] = [];
    const { directory } = this.#failpoints ?? {};
    if (directory !== undefined) variables.push(`FAILPOINTS=${directory}`);
    if (this.#without.length > 0)
      variables.push(`CC=musl-gcc ${this.#without.map((name) => `-D${name}`).join(' ')}`);
    await buildStubs(build, this.launchSocket, variables);
    mkdirSync(join(this.emulator, '..'), { recursive: true, mode: 0o755 });
    this.installStub(stub ?? join(build, this.stubName));
    symlinkSync('/usr/bin/qemu-system-x86_64', join(this.emulator, '../local'));
  }

  /**
   * Makes a probe profile beside that of `emulator`, its stub as every other one's.
   *
   * @param local the emulator that answers its probes
   * @returns path for a domain's `<emulator>`
   */
  addProfile(name: string, mode: LaunchMode, local: string): string {
    const directory = join(this.#scratch.directory, 'emulators', name);
    const emulator = join(directory, 'qemu-system-x86_64');
    mkdirSync(directory, { mode: 0o755 });
    const stub = mode === 'exec' ? 'qemu-kube-exec' : 'qemu-kube';
    this.#installStub(join(this.#scratch.directory, 'stub', stub), emulator);
    symlinkSync(local, join(directory, 'local'));
    return emulator;
  }

  /** Puts another program in the place of the stub; before the daemon starts, since it knows its stubs. */
  installStub(program: string): void {
    this.#installStub(program, this.emulator);
  }

  #installStub(program: string, path: string): void {
    copyFileSync(program, path);
    chownSync(path, 0, findQemuAccount().gid);
    chmodSync(path, 0o4750);
  }

  /** Writes the configuration; the daemon reads it when it starts. */
  configure(settings: Readonly<Record<string, string>> = {}): void {
    const account = findQemuAccount();
    const all = {
      'run-directory': this.runDirectory,
      'library-directory': join(this.#scratch.directory, 'stub'),
      'emulators-directory': join(this.#scratch.directory, 'emulators'),
      'launch-users': String(account.uid),
      'launch-group': String(account.gid),
      'http-address': `127.0.0.1:${this.httpPort}`,
      'log-format': 'text',
      mode: this.#mode,
      ...settings,
    };
    const lines = Object.entries(all).map(([key, value]) => `${key} = ${value}\n`);
    writeFileSync(this.configPath, lines.join(''));
  }

  /** Starts the daemon; also again, after it was ended. */
  async spawn(): Promise<ProcessIdentity> {
    // The shims' cgroups are removed with the last of them, unless it was killed.
    for (const path of listCgroupParents('/kubevirt-node-driver/launch')) {
      this.#scratch.claimDirectory(path);
    }
    appendFileSync(this.logPath, '');
    const command =
      this.#failpoints === undefined
        ? [process.execPath, main, 'serve', '--config', this.configPath]
        : [process.execPath, stoppable, this.configPath, this.#failpoints.directory];
    this.#process = await this.#run(command, this.logPath);
    return this.#process;
  }

  /** Like {@link spawn}, and waits until the daemon is ready to serve; asks every `interval` ms. */
  async start(interval?: number): Promise<void> {
    const started = await this.spawn();
    await waitUntil(
      'the daemon is ready',
      async () => {
        if (isRunning(started)) return (await this.isReady()) ? true : undefined;
        throw new Error(`Cannot start the daemon: ${this.log.trim().slice(-2000)}`);
      },
      20_000,
      interval,
    );
  }

  /** What /readyz says. */
  async isReady(): Promise<boolean> {
    try {
      return (await fetch(`http://127.0.0.1:${this.httpPort}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  /** For the watch over secrets: has it hear what the daemon answers. */
  async #ask(): Promise<void> {
    if (this.#process === undefined || !isRunning(this.#process)) return;
    const { watch } = this.#scratch;
    const client = createWatchedApiClient({ socketPath: this.apiSocket, deadlineMs: 2000 }, watch);
    await askHttp(this.httpPort, watch);
    await askApi(client).finally(() => client.close());
  }

  /** Ends the daemon and only it; the VMs stay. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.#process !== undefined) await endProcess(this.#process, signal === 'SIGTERM' ? 10_000 : 0);
  }

  /** Runs the command line, e.g. `resolve --uuid U`, against this daemon. */
  async run(args: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return runCommand(process.execPath, [main, ...args], options);
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('Cannot find a free port');
  return address.port;
}

/** Builds and configures all of it, and starts nothing. */
export async function installNodeDriver(
  scratch: Scratch,
  options: NodeDriverOptions = {},
): Promise<NodeDriver> {
  const driver = new NodeDriver(scratch, await findFreePort(), options);
  await driver.install(options.stub);
  driver.configure(options.settings);
  return driver;
}

/** Builds, configures and starts the daemon. It is ended when the scratch closes, also where this fails half-way. */
export async function startNodeDriver(
  scratch: Scratch,
  options: NodeDriverOptions = {},
): Promise<NodeDriver> {
  const driver = await installNodeDriver(scratch, options);
  scratch.defer('end the daemon', () => driver.end());
  await driver.start();
  return driver;
}
