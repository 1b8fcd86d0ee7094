import { randomBytes } from 'node:crypto';
import type { SpawnOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Cleanups } from './cleanups.ts';
import type { ProcessIdentity } from './processes.ts';
import { identify } from './processes.ts';
import { isClaimed, removeScratch } from './remove-scratch.ts';
import type { ScratchEntry } from './scratch-record.ts';
import { appendRecord, readBootId } from './scratch-record.ts';
import { runSecretWatch } from './secret-watch/run-secret-watch.ts';
import type { SecretWatch } from './secret-watch/secret-watch.ts';

export interface BackgroundOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** File for its standard output; the log has it when absent. */
  readonly stdout?: string;
}

/**
 * Everything that one run of the tests or of the demo makes outside of the source tree: two directories with one
 * recognisable name, and a record of what else there is, so that the next run can remove what an aborted one left.
 */
export class Scratch {
  /** E.g. `knd-test-1f2e3d`. */
  readonly id: string;
  /** For files, also programs: /run is mounted without exec and setuid on many machines. */
  readonly directory: string;
  /** For sockets, whose paths must be short. */
  readonly runDirectory: string;
  /** Told all secrets; it searches the two directories before they are removed. */
  readonly watch: SecretWatch;
  readonly #cleanups = new Cleanups();
  #closed = false;

  private constructor(id: string, watch: SecretWatch) {
    this.id = id;
    this.watch = watch;
    this.directory = join('/var/lib', id);
    this.runDirectory = join('/run', id);
  }

  /** True from the moment that `close` is called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** @param kind `test` or `demo`: a part of the name, so that neither cleans up what the other left. */
  static open(kind: 'test' | 'demo', watch = runSecretWatch): Scratch {
    const scratch = new Scratch(`knd-${kind}-${randomBytes(3).toString('hex')}`, watch);
    mkdirSync(scratch.directory, { mode: 0o755 });
    scratch.record({ kind: 'owner', boot: readBootId(), ...identify(process.pid) });
    mkdirSync(scratch.runDirectory, { mode: 0o755 });
    watch.opened(scratch);
    return scratch;
  }

  /** Notes something that outlives this process; do so before it is made where that is possible. */
  record(entry: ScratchEntry): void {
    this.#refuseIfClosed();
    appendRecord(this.directory, entry);
  }

  /**
   * Notes a directory outside of the scratch that is about to be made where it is missing, such as /run/libvirt. Of all
   * scratches that use it, the last one removes it.
   */
  claimDirectory(path: string): void {
    if (existsSync(path) && !isClaimed(path)) return;
    this.record({ kind: 'directory', path });
  }

  /** Undone by `close`, last thing first, before everything that was recorded is removed. */
  defer(what: string, undo: () => Promise<void> | void): void {
    this.#refuseIfClosed();
    this.#cleanups.defer(what, undo);
  }

  /**
   * Starts a process that may outlive this one: own session, recorded, its output in a log file.
   *
   * @param log path of the log file, appended to.
   */
  async startBackground(
    command: string,
    args: readonly string[],
    log: string,
    options: BackgroundOptions = {},
  ): Promise<ProcessIdentity> {
    const output = openSync(log, 'a', 0o644);
    const stdout = options.stdout === undefined ? output : openSync(options.stdout, 'a', 0o644);
    const spawnOptions: SpawnOptions = {
      cwd: options.directory ?? '/',
      // The mark is for snapshots, which know the processes of this run by it.
      env: { ...process.env, KND_SCRATCH: this.id, ...options.environment },
      detached: true,
      stdio: ['ignore', stdout, output],
    };
    try {
      this.#refuseIfClosed();
      const child = spawn(command, args, spawnOptions);
      child.unref();
      if (child.pid === undefined) {
        const error = await new Promise<Error>((resolve) => child.once('error', resolve));
        throw new Error(`Cannot start "${command}": ${error.message}; is its package installed?`);
      }
      // Recorded before anything else can happen, such as the scratch being closed.
      const started = identify(child.pid);
      this.record({ kind: 'process', boot: readBootId(), ...started });
      return started;
    } finally {
      closeSync(output);
      if (stdout !== output) closeSync(stdout);
    }
  }

  /** Undoes everything and removes the directories. What is still being started then fails. */
  async close(): Promise<void> {
    this.#closed = true;
    const last = new Cleanups();
    last.defer(`remove what "${this.id}" recorded`, () => removeScratch(this.id));
    last.defer('end the search for secrets', () => this.watch.closed(this));
    // Twice: what runs answers, and what ends writes its last lines.
    last.defer('search for secrets', () => this.watch.search(this));
    last.defer('clean up', () => this.#cleanups.run());
    last.defer('search for secrets', () => this.watch.search(this));
    await last.run();
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new Error(`Cannot start anything in "${this.id}": it has been closed`);
  }
}
