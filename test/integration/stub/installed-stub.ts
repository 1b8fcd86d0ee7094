import { chmodSync, chownSync, copyFileSync, mkdirSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

import { buildStubs } from '../../support/build-stubs.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { runCommand, type CommandResult } from '../../support/run-command.ts';
import type { Scratch } from '../../support/scratch.ts';

export const stubSources = join(import.meta.dirname, '../../../stub');

/** The environment of a domain as far as the stub cares. */
export const identity = {
  KUBEVIRT_IO_VM_UUID: '2e2ec7d1-8a1c-4a9f-9f2c-0123456789ab',
  KUBEVIRT_IO_VM_NAME: 'testvm',
  KUBEVIRT_IO_SECRET: 'a-secret-that-nobody-prints',
} as const;

/** A stub without a daemon, in a directory of its own; its socket is where a test may listen itself. */
export class InstalledStub {
  readonly directory: string;
  readonly path: string;
  readonly socket: string;

  private constructor(scratch: Scratch) {
    this.directory = join(scratch.directory, 'emulators');
    this.path = join(this.directory, 'qemu-system-none');
    this.socket = join(scratch.runDirectory, 'launch.sock');
  }

  /** Builds it for a socket in the scratch's run directory, setuid root for libvirt's qemu user. */
  static async install(
    scratch: Scratch,
    program: 'qemu-kube' | 'qemu-kube-exec' = 'qemu-kube',
  ): Promise<InstalledStub> {
    const stub = new InstalledStub(scratch);
    const build = join(scratch.directory, 'stub');
    await buildStubs(build, stub.socket);
    mkdirSync(stub.directory, { mode: 0o755 });
    copyFileSync(join(build, program), stub.path);
    stub.makeSetuid(true);
    return stub;
  }

  makeSetuid(setuid: boolean): void {
    chownSync(this.path, 0, findQemuAccount().gid);
    chmodSync(this.path, setuid ? 0o4750 : 0o755);
  }

  /** Runs it as libvirt's qemu user, by a shell `script` that ends in `exec "$@"`, `through` another program. */
  async run(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    script = 'exec "$@"',
    through: readonly string[] = [],
  ): Promise<CommandResult> {
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    return runAsQemu(
      [],
      ['sh', '-c', script, 'sh', 'env', '-i', ...variables, ...through, this.path, ...args],
    );
  }

  /** Runs it through `unusual-exec.c`, in one of the ways that are described there. */
  async runUnusually(
    way: 'nameless' | 'crowded' | 'starved',
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<CommandResult> {
    const program = join(this.directory, 'unusual-exec');
    await runCommand('musl-gcc', ['-static', '-o', program, join(import.meta.dirname, 'unusual-exec.c')]);
    return this.run(args, environment, 'exec "$@"', [program, way]);
  }

  /** Runs it with capabilities that survive the exec. */
  async runWithCapabilities(args: readonly string[], names: readonly string[]): Promise<CommandResult> {
    const sets = names.map((name) => `+${name}`).join(',');
    return runAsQemu(['--inh-caps', sets, '--ambient-caps', sets], [this.path, ...args]);
  }
}

async function runAsQemu(options: readonly string[], command: readonly string[]): Promise<CommandResult> {
  const { uid, gid } = findQemuAccount();
  const user = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...options];
  return runCommand('setpriv', [...user, ...command], { allowFailure: true, timeout: 30_000 });
}

/** Stands in the daemon's place: who connects is handed to `serve`. */
export async function listenAsDaemon(path: string, serve: (connection: Socket) => void): Promise<Server> {
  const server = createServer((connection) => {
    connection.on('error', () => undefined); // a stub that gives up closes hard
    serve(connection);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return server;
}
