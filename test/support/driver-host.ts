import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from './processes.ts';
import { endProcess, isRunning } from './processes.ts';
import { findQemuAccount } from './qemu-account.ts';
import type { CommandResult } from './run-command.ts';
import { runCommand } from './run-command.ts';
import type { Scratch } from './scratch.ts';
import { waitUntil } from './wait-until.ts';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'daemon/main.ts');

/** Lines of the configuration file, over those that a `DriverHost` sets itself. */
export type DriverSettings = Readonly<Record<string, string>>;

/**
 * A node driver of our own: a daemon with its own run directory, and stubs that are compiled for it. Made by
 * `startDriver`.
 */
export class DriverHost {
  readonly runDirectory: string;
  readonly launchSocket: string;
  readonly apiSocket: string;
  readonly stateDirectory: string;
  /** The emulator for a domain: a stub, setuid, in the directory of the default profile. */
  readonly emulator: string;
  readonly logFile: string;
  readonly #scratch: Scratch;
  readonly #directory: string;
  #daemon: ProcessIdentity | undefined;
  #httpPort = 0;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
    this.#directory = join(scratch.directory, 'driver');
    this.runDirectory = join(scratch.runDirectory, 'driver');
    this.launchSocket = join(this.runDirectory, 'launch/launch.sock');
    this.apiSocket = join(this.runDirectory, 'api/api.sock');
    this.stateDirectory = join(this.runDirectory, 'state');
    this.emulator = join(this.#directory, 'emulators/default/qemu-system-x86_64');
    this.logFile = join(this.#directory, 'log');
  }

  get daemon(): ProcessIdentity {
    if (this.#daemon === undefined) throw new Error('The daemon has not been started');
    return this.#daemon;
  }

  /** Lines of the daemon's log, JSON each. */
  get log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  get healthUrl(): string {
    return `http://127.0.0.1:${this.#httpPort}`;
  }

  /** Compiles and installs the stub. Called once, by `startDriver`. */
  async install(): Promise<void> {
    const build = join(this.#directory, 'build');
    mkdirSync(build, { recursive: true });
    const make = ['-s', '-C', join(root, 'stub'), `BUILD=${build}`, `LAUNCH_SOCKET=${this.launchSocket}`];
    await runCommand('make', [...make, `${build}/qemu-kube`], { timeout: 60_000 });
    const profile = join(this.emulator, '..');
    mkdirSync(profile, { recursive: true, mode: 0o755 });
    copyFileSync(join(build, 'qemu-kube'), this.emulator);
    chownSync(this.emulator, 0, findQemuAccount().gid);
    chmodSync(this.emulator, 0o4750);
    symlinkSync('/usr/bin/qemu-system-x86_64', join(profile, 'local'));
  }

  /** Starts the daemon and waits until it is ready; also again, after it was ended. */
  async start(settings: DriverSettings = {}): Promise<void> {
    const file = join(this.#directory, 'qemu-kube.conf');
    this.#httpPort = 20_000 + Math.floor(Math.random() * 20_000);
    const all = {
      'run-directory': this.runDirectory,
      'http-address': `127.0.0.1:${this.#httpPort}`,
      'log-level': 'debug',
      ...settings,
    };
    const lines = Object.entries(all).map(([key, value]) => `${key} = ${value}\n`);
    writeFileSync(file, lines.join(''));
    const daemon = await this.#scratch.startBackground(
      process.execPath,
      [main, 'serve', '--config', file],
      this.logFile,
    );
    this.#daemon = daemon;
    await waitUntil(
      'the daemon is ready',
      async () => {
        if (!isRunning(daemon)) throw new Error(`Cannot start the daemon: ${this.log.slice(-2000)}`);
        const response = await fetch(`${this.healthUrl}/readyz`).catch(() => undefined);
        return response?.ok === true ? true : undefined;
      },
      15_000,
    );
  }

  /** Ends the daemon and only it. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await endProcess(this.daemon, signal === 'SIGTERM' ? 10_000 : 0);
  }

  /** Runs a command of `node-driver`. */
  async command(args: readonly string[]): Promise<CommandResult> {
    return runCommand(process.execPath, [main, ...args], { allowFailure: true });
  }

  /** Ends the daemon; a second call does nothing. */
  async stop(): Promise<void> {
    if (this.#daemon !== undefined) await endProcess(this.#daemon, 10_000);
  }
}

/** Installs a stub and starts a daemon. It is stopped when the scratch closes, also where this fails half-way. */
export async function startDriver(scratch: Scratch, settings: DriverSettings = {}): Promise<DriverHost> {
  const driver = new DriverHost(scratch);
  scratch.defer('stop the daemon', () => driver.stop());
  await driver.install();
  await driver.start(settings);
  return driver;
}
