import path from 'node:path';

import { hasCode } from '../errors.ts';
import type { Broker } from '../host/broker.ts';
import type { Libc } from '../host/libc.ts';
import type { LibvirtProcesses } from '../host/libvirt-processes.ts';
import { PinnedProcess } from '../host/pinned-process.ts';
import { ReadFileError } from '../host/read-file-error.ts';
import { parseStat } from '../target/parse-stat.ts';
import type { ProcessIdentity } from '../target/target.ts';

/** A libvirt that runs; of several processes in one mount namespace the first. */
export interface RunningLibvirt {
  readonly identity: ProcessIdentity;
  /** Of its executable. */
  readonly name: string;
  /** Such as `mnt:[4026531841]`. */
  readonly mountNamespace: string;
}

export interface LibvirtLookupOptions {
  readonly libc: Libc;
  readonly proc: string;
  readonly processes: Pick<LibvirtProcesses, 'find'>;
  readonly broker: Pick<Broker, 'readFile'>;
}

/** A node has one or two; where pods run some of their own, not all of them matter. */
const MAX_LIBVIRTS = 8;
/** Several checks of one examination ask. */
const FRESH_MS = 2000;
const MAX_FILE = 64 * 1024;
const DEADLINE_MS = 2000;

/** Finds the libvirts of the node, and reads files as they see them. */
export class LibvirtLookup {
  readonly #options: LibvirtLookupOptions;
  #last: Promise<readonly RunningLibvirt[]> | null = null;
  #lastAt = 0;

  constructor(options: LibvirtLookupOptions) {
    this.#options = options;
  }

  list(): Promise<readonly RunningLibvirt[]> {
    const now = performance.now();
    if (this.#last === null || now - this.#lastAt > FRESH_MS) {
      this.#last = this.#find();
      this.#lastAt = now;
    }
    return this.#last;
  }

  /**
   * A file below its root, read in a process of its own, which may hang and is killed.
   *
   * @returns null where there is none, or no such process any more
   */
  async readFile({ identity }: RunningLibvirt, file: string): Promise<string | null> {
    const { libc, proc, broker } = this.#options;
    using process = PinnedProcess.reopen(libc, proc, identity);
    if (process === null) return null;
    const request = { path: file, uid: 0, gid: 0, groups: [], maxSize: MAX_FILE, deadlineMs: DEADLINE_MS };
    try {
      return (await broker.readFile(process.directory, request)).toString('utf8');
    } catch (error) {
      if (error instanceof ReadFileError && error.step === 'open' && error.code === 'ENOENT') return null;
      throw error;
    }
  }

  async #find(): Promise<readonly RunningLibvirt[]> {
    const found = new Map<string, RunningLibvirt>();
    // None is wanted: so all are shown.
    await this.#options.processes.find((process) => {
      const libvirt = describe(process);
      if (libvirt !== null && found.size < MAX_LIBVIRTS) found.set(libvirt.mountNamespace, libvirt);
      return false;
    });
    return [...found.values()];
  }
}

function describe(process: PinnedProcess): RunningLibvirt | null {
  try {
    return {
      identity: process.identify(parseStat(process.readText('stat'))?.startTime ?? Number.NaN),
      name: path.basename(process.readLink('exe')),
      mountNamespace: process.readLink('ns/mnt'),
    };
  } catch (error) {
    if (hasCode(error, 'ESRCH', 'ENOENT', 'EACCES')) return null;
    throw error;
  }
}
