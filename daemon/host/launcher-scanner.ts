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

/** Cheaper than to parse what nearly all processes are: something else. */
function mayBeLauncher(commandLine: Buffer): boolean {
  const end = commandLine.indexOf(0);
  if (end < 0) return true;
  const begin = commandLine.lastIndexOf(0x2f, end) + 1;
  return commandLine.compare(NAME, 0, NAME.length, begin, Math.min(begin + NAME.length, end)) === 0;
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
      for (const pid of pids) {
        if (passOver.has(pid)) continue;
        if (slices.isOver) await slices.next();
        this.#look(pid, finds);
      }
      await this.#lookCloser(finds, slices);
      return { launchers: finds.launchers, zombies: finds.zombies, pids };
    } finally {
      fs.closeSync(directory);
    }
  }

  #look(pid: number, finds: Finds): void {
    const commandLine = this.#read(finds, `${pid}/cmdline`, this.#short);
    if (commandLine === null) return;
    if (commandLine.length === 0) {
      if (finds.zombies.length < MAX_ZOMBIES && this.#isZombieLauncher(pid, finds)) finds.zombies.push(pid);
    } else if (mayBeLauncher(commandLine)) {
      if (commandLine.length < SHORT) note(finds, pid, commandLine);
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
