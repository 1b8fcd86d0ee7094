import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { join } from 'node:path';
import type { NodeDriver } from './node-driver.ts';
import { findQemuAccount } from './qemu-account.ts';
import type { Sandbox } from './sandbox.ts';
import type { SandboxMount } from './sandbox-spec.ts';
import { runSecretWatch } from './secret-watch/run-secret-watch.ts';
import { waitUntil } from './wait-until.ts';

/** Puts the stand-in for QEMU into a sandbox; the daemon's `emulator` is its path. */
export const fakeEmulator = '/opt/fake-emulator';

export const fakeEmulatorMount: SandboxMount = {
  source: join(import.meta.dirname, '../fixtures/build/fake-emulator'),
  destination: fakeEmulator,
  readOnly: true,
};

export interface FakeLaunchOptions {
  /** Arguments after `-name guest=…`. */
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** From fd 3 on. */
  readonly fds?: readonly number[];
  /** By default libvirt's qemu user. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Runs this in place of the stub, which its last argument names: e.g. `['setpriv', …]`. */
  readonly through?: readonly string[];
  readonly directory?: string;
}

/** What the domain of a VM says about itself. */
export type FakeLaunchTarget = Pick<Sandbox, 'vmUuid' | 'vmName' | 'secret'>;

/** A stub that was started as libvirt does it, with the stand-in as emulator. */
export class FakeLaunch {
  readonly stub: ChildProcess;
  readonly ended: Promise<{ readonly status: number | null; readonly signal: NodeJS.Signals | null }>;
  #stdout = '';
  #stderr = '';

  constructor(stub: ChildProcess, watch = runSecretWatch) {
    this.stub = stub;
    stub.stdout?.setEncoding('latin1').on('data', (text: string) => (this.#stdout += text));
    stub.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.ended = new Promise((resolve, reject) => {
      stub.once('error', reject);
      stub.once('close', (status, signal) => {
        watch.hear('output of a stub', `${this.#stdout}\n${this.#stderr}`);
        resolve({ status, signal });
      });
    });
  }

  get pid(): number {
    if (this.stub.pid === undefined) throw new Error('The stub did not start');
    return this.stub.pid;
  }

  /** What stub and emulator wrote to standard error. */
  get stderr(): string {
    return this.#stderr;
  }

  get report(): readonly string[] {
    return this.#stdout.split('\n').filter(Boolean);
  }

  /** The rest of each line of the report that begins with this word. */
  facts(word: string): readonly string[] {
    return this.report.flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
  }

  /** Like `facts`, for what is written in hexadecimal digits. */
  texts(word: string): readonly string[] {
    return this.facts(word).map((hex) => Buffer.from(hex, 'hex').toString('latin1'));
  }

  async waitForLine(line: string): Promise<void> {
    await waitUntil(
      `the emulator says "${line}"`,
      () => (this.report.includes(line) ? true : undefined),
      5000,
    );
  }
}

/** Runs the stand-in itself, on the host, to compare with. */
export function runBare(options: Pick<FakeLaunchOptions, 'fds' | 'through'>): FakeLaunch {
  const { source } = fakeEmulatorMount;
  const [command = source, ...before] = options.through ?? [];
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe', ...(options.fds ?? [])];
  return new FakeLaunch(spawn(command, options.through === undefined ? [] : [...before, source], { stdio }));
}

/** Runs the stub of a driver for the VM of a sandbox. */
export function launchFake(
  driver: Pick<NodeDriver, 'emulator'>,
  sandbox: FakeLaunchTarget,
  options: FakeLaunchOptions = {},
): FakeLaunch {
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe', ...(options.fds ?? [])];
  const [command = driver.emulator, ...before] = options.through ?? [];
  const args = ['-name', `guest=${sandbox.vmName}`, ...(options.args ?? [])];
  for (const secret of [sandbox.secret, options.environment?.['KUBEVIRT_IO_SECRET']])
    runSecretWatch.note(secret);
  const stub = spawn(command, options.through === undefined ? args : [...before, driver.emulator, ...args], {
    cwd: options.directory ?? '/',
    env: {
      KUBEVIRT_IO_VM_UUID: sandbox.vmUuid,
      KUBEVIRT_IO_VM_NAME: sandbox.vmName,
      KUBEVIRT_IO_SECRET: sandbox.secret ?? '',
      ...options.environment,
    },
    stdio,
    ...(options.user ?? findQemuAccount()),
  });
  return new FakeLaunch(stub);
}
