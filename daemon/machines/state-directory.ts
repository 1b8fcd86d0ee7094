import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import { hasCode } from '../errors.ts';
import type { NamespaceKind, ProcessIdentity } from '../target/target.ts';
import { formatStepTimes, parseStepTimes, type LaunchStepTime } from './launch-step.ts';
import type { Machine } from './machine.ts';
import type { OnTransition } from './transition.ts';

/** What is on disk of one launch, for the next daemon. Never a secret. */
export interface MachineRecord {
  readonly version: 1;
  /** From `/proc/sys/kernel/random/boot_id`: a record of another boot is stale. */
  readonly bootId: string;
  readonly machine: Machine;
  /** Directories of the shim's cgroups. */
  readonly shimCgroups: readonly string[];
  /** In exec mode: the first process of the pod's container, whose end is QEMU's. */
  readonly init?: ProcessIdentity;
  /** In exec mode: the namespaces that QEMU joins. Absent in records of release 0.1.0: those of the configuration then. */
  readonly joined?: readonly NamespaceKind[];
}

/** `state/`: one directory a launch, made by the daemon, written by daemon (`launch.json`) and shim (the rest). */
export class StateDirectory {
  readonly #path: string;
  readonly #onTransition: OnTransition;

  constructor(directory: string, onTransition: OnTransition = () => undefined) {
    this.#path = directory;
    this.#onTransition = onTransition;
  }

  directoryOf(launchId: string): string {
    return path.join(this.#path, launchId);
  }

  list(): readonly string[] {
    return fs
      .readdirSync(this.#path, { withFileTypes: true })
      .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  }

  /** Makes the directory of a launch and writes its record, both durable before this returns. */
  create(content: MachineRecord): void {
    const directory = this.directoryOf(content.machine.launchId);
    fs.mkdirSync(directory, { mode: 0o700 });
    this.#onTransition('directory-made');
    const record = path.join(directory, 'launch.json');
    writeDurably(record, `${JSON.stringify(content)}\n`, () => this.#onTransition('record-written'));
    this.#onTransition('record-renamed');
    syncDirectory(directory);
    syncDirectory(this.#path);
  }

  /** In exec mode, where there is no shim to do it: notes that QEMU runs, in the words of a shim. */
  writeStarted(launchId: string, line: string): void {
    const directory = this.directoryOf(launchId);
    writeDurably(path.join(directory, 'started'), line, () => this.#onTransition('started-written'));
    this.#onTransition('started-renamed');
    syncDirectory(directory);
  }

  /** Not durably: how long a launch took is nothing that anything depends on. */
  writeSteps(launchId: string, steps: readonly LaunchStepTime[]): void {
    fs.writeFileSync(path.join(this.directoryOf(launchId), 'steps'), formatStepTimes(steps), { mode: 0o600 });
  }

  /** `null` where they are not known: the launch is of an earlier release, or no daemon saw its end. */
  readSteps(launchId: string): readonly LaunchStepTime[] | null {
    return parseStepTimes(this.readFile(launchId, 'steps') ?? '');
  }

  /** The record of a launch, or `null` when the daemon ended before it was written. */
  read(launchId: string): MachineRecord | null {
    const text = this.readFile(launchId, 'launch.json');
    if (text === null) return null;
    try {
      const value: unknown = JSON.parse(text);
      return isRecord(value) ? value : null;
    } catch {
      return null;
    }
  }

  /** A file of a launch, such as the shim's `started` or `exit`; `null` where it has not been written. */
  readFile(launchId: string, name: 'launch.json' | 'started' | 'exit' | 'steps'): string | null {
    try {
      return fs.readFileSync(path.join(this.directoryOf(launchId), name), 'utf8');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null;
      throw error;
    }
  }

  /**
   * Connects to the shim of a launch. By an fd of the directory: its path may be longer than an address can be.
   */
  connectToShim(launchId: string): net.Socket {
    const directory = fs.openSync(
      this.directoryOf(launchId),
      fs.constants.O_RDONLY | fs.constants.O_DIRECTORY,
    );
    try {
      // The connection is made, or refused, before connect() returns; only the news of it comes later.
      return net.connect(`/proc/self/fd/${directory}/shim.sock`);
    } finally {
      fs.closeSync(directory);
    }
  }

  /**
   * Removes the record of a launch that is over: its end is not told again. The directory stays until {@link remove}, so
   * that a daemon which is killed in between leaves something to find the rest of the launch by.
   */
  forget(launchId: string): void {
    fs.rmSync(path.join(this.directoryOf(launchId), 'launch.json'), { force: true });
    this.#onTransition('record-removed');
  }

  /** Removes all of a launch; called last, after {@link forget}. */
  remove(launchId: string): void {
    fs.rmSync(this.directoryOf(launchId), { recursive: true, force: true });
    this.#onTransition('directory-removed');
  }
}

/** Only the daemon writes these files, into a directory of root's: what matters is that it is a whole one. */
function isRecord(value: unknown): value is MachineRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    'version' in value &&
    value.version === 1 &&
    'bootId' in value &&
    'machine' in value &&
    'shimCgroups' in value
  );
}

/** A new name is on disk when its directory is. */
function syncDirectory(directory: string): void {
  const fd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function writeDurably(file: string, text: string, onWritten: () => void): void {
  const temporary = `${file}.new`;
  // One that is there is of a daemon that was killed before it came to the rename.
  const fd = fs.openSync(temporary, 'w', 0o600);
  try {
    fs.writeFileSync(fd, text);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  onWritten();
  fs.renameSync(temporary, file);
}
