import fs from 'node:fs';

import { parseLauncherCommandLine, type LauncherCommandLine } from '../target/launcher-command-line.ts';
import { parseStat } from '../target/parse-stat.ts';
import type { Libc } from './libc.ts';
import { listPids } from './list-pids.ts';
import type { Slices, Turns } from './turns.ts';

/** A process whose command line says that it is a launcher. */
export interface SeenLauncher {
  readonly pid: number;
  readonly commandLine: LauncherCommandLine;
}

export interface LauncherScan {
  readonly launchers: readonly SeenLauncher[];
  /** Those that were launchers. A zombie has no command line any more: only its name is left. */
  readonly zombies: readonly number[];
  /** All processes that were there, of whatever kind. */
  readonly pids: readonly number[];
}

export interface LauncherScannerOptions {
  readonly libc: Pick<Libc, 'readStart'>;
  /** The node's procfs. */
  readonly proc: string;
  readonly turns: Turns;
  /** Names the container of a process, as far as it can be told by a glance. */
  readonly containerOf: (pid: number) => string;
}

/** Longer than any launcher's; what is longer costs a closer look. */
const SHORT = 2048;
const COMMAND_LINE_LIMIT = 65536;
/** Of the processes of one container with longer ones, so many are read. */
const MAX_LONG = 4;
const MAX_ZOMBIES = 16;
/** So many processes are looked at between two looks at the clock: a tenth of a slice. */
const LOOKS_A_GLANCE = 16;

/** What one walk has come upon so far. */
interface Finds {
  /** The node's procfs. */
  readonly directory: number;
  readonly launchers: SeenLauncher[];
  readonly zombies: number[];
  /** With long command lines, by container. */
  readonly long: Map<string, number[]>;
}

const NAME = Buffer.from('virt-launcher');
const SLASH = 0x2f;

/**
 * Whether the file name of the first argument begins with that of launchers. Cheaper than to parse what nearly all
 * processes are: something else. By the byte, since a call of a method of buffers takes longer than a short name.
 *
 * @param length of the command line, which the buffer begins with
 */
function mayBeLauncher(buffer: Buffer, length: number): boolean {
  let begin = 0;
  let end = 0;
  for (; end < length && buffer[end] !== 0; end++) if (buffer[end] === SLASH) begin = end + 1;
  if (end === length) return true;
  for (let i = 0; i < NAME.length; i++) if (buffer[begin + i] !== NAME[i]) return false;
  return true;
}

/**
 * Looks through all processes of the node for launchers of VMs. Nothing that is found here is proven: a command line
 * is whatever its process says. It goes in slices: however many processes there are, the daemon does other work besides.
 */
export class LauncherScanner {
  readonly #options: LauncherScannerOptions;
  readonly #short = Buffer.allocUnsafe(SHORT);
  readonly #long = Buffer.allocUnsafe(COMMAND_LINE_LIMIT);

  constructor(options: LauncherScannerOptions) {
    this.#options = options;
  }

  /** @param passOver processes that are not looked at again */
  async scan(passOver: ReadonlySet<number> = new Set()): Promise<LauncherScan> {
    const { proc, turns } = this.#options;
    const slices = turns.begin();
    const directory = fs.openSync(proc, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      const finds: Finds = { directory, launchers: [], zombies: [], long: new Map() };
      const pids = await listPids(proc);
      let looks = 0;
      for (const pid of pids) {
        if (passOver.has(pid)) continue;
        if (++looks % LOOKS_A_GLANCE === 0 && slices.isOver) await slices.next();
        this.#look(pid, finds);
      }
      await this.#lookCloser(finds, slices);
      return { launchers: finds.launchers, zombies: finds.zombies, pids };
    } finally {
      fs.closeSync(directory);
    }
  }

  #look(pid: number, finds: Finds): void {
    const length = this.#options.libc.readStart(finds.directory, `${pid}/cmdline`, this.#short);
    if (length < 0) return;
    if (length === 0) {
      if (finds.zombies.length < MAX_ZOMBIES && this.#isZombieLauncher(pid, finds)) finds.zombies.push(pid);
    } else if (mayBeLauncher(this.#short, length)) {
      if (length < SHORT) note(finds, pid, this.#short.subarray(0, length));
      else this.#noteLong(pid, finds);
    }
  }

  /** A pod may run any number of them: they must not hide another pod's. */
  #noteLong(pid: number, { long }: Finds): void {
    const container = this.#options.containerOf(pid);
    const known = long.get(container);
    if (known === undefined) long.set(container, [pid]);
    else if (known.length < MAX_LONG) known.push(pid);
  }

  async #lookCloser(finds: Finds, slices: Slices): Promise<void> {
    for (const pid of [...finds.long.values()].flat()) {
      if (slices.isOver) await slices.next();
      const commandLine = this.#read(finds, `${pid}/cmdline`, this.#long);
      if (commandLine !== null) note(finds, pid, commandLine);
    }
  }

  /** `null`: it is gone, or not for us to see. */
  #read({ directory }: Finds, file: string, buffer: Buffer): Buffer | null {
    const length = this.#options.libc.readStart(directory, file, buffer);
    return length < 0 ? null : buffer.subarray(0, length);
  }

  #isZombieLauncher(pid: number, finds: Finds): boolean {
    const text = this.#read(finds, `${pid}/stat`, this.#short)?.toString('latin1');
    const stat = parseStat(text ?? '');
    return stat?.state === 'Z' && stat.comm.startsWith('virt-launcher');
  }
}

function note({ launchers }: Finds, pid: number, text: Buffer): void {
  const commandLine = parseLauncherCommandLine(text);
  if (commandLine !== null) launchers.push({ pid, commandLine });
}
