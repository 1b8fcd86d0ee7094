import fs from 'node:fs';

import { parseLauncherCommandLine, type LauncherCommandLine } from '../target/launcher-command-line.ts';
import { matchesVm } from '../target/matches-vm.ts';
import { parseStat } from '../target/parse-stat.ts';
import type { VmIdentity } from '../target/target.ts';
import { listPids } from './list-pids.ts';
import type { Slices, Turns } from './turns.ts';

/** Pids that are worth a closer look, and zombies that once may have been. */
export interface LauncherScan {
  readonly matching: readonly number[];
  /** A zombie has no command line any more: only its name is left. */
  readonly zombies: readonly number[];
}

export interface LauncherScannerOptions {
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

/** One walk through the processes, for all who asked before it began. */
interface Round {
  readonly wanted: { readonly vm: VmIdentity; readonly matching: number[] }[];
  readonly zombies: number[];
  readonly done: Promise<void>;
}

function readStart(path: string, buffer: Buffer): Buffer | null {
  let fd: number;
  try {
    fd = fs.openSync(path, 'r');
  } catch {
    return null; // gone, or not for us to see
  }
  try {
    return buffer.subarray(0, fs.readSync(fd, buffer, 0, buffer.length, null));
  } catch {
    return null;
  } finally {
    fs.closeSync(fd);
  }
}

/** Cheaper than to parse what nearly all processes are: something else. */
function mayBeLauncher(commandLine: Buffer): boolean {
  const end = commandLine.indexOf(0);
  const command = end < 0 ? commandLine : commandLine.subarray(0, end);
  return end < 0 || command.subarray(command.lastIndexOf(0x2f) + 1).indexOf('virt-launcher') === 0;
}

/**
 * Looks through all processes of the node for launchers of VMs. Nothing that is found here is proven: a command line
 * is whatever its process says.
 *
 * One walk serves all who ask before it begins, and it goes in slices: neither many callers nor many processes keep
 * the daemon from its other work.
 */
export class LauncherScanner {
  readonly #options: LauncherScannerOptions;
  readonly #short = Buffer.allocUnsafe(SHORT);
  readonly #long = Buffer.allocUnsafe(COMMAND_LINE_LIMIT);
  #running: Promise<void> = Promise.resolve();
  #next: Round | null = null;

  constructor(options: LauncherScannerOptions) {
    this.#options = options;
  }

  /** Finds every launcher of the VM that runs from now until the answer. */
  async scan(vm: VmIdentity): Promise<LauncherScan> {
    const round = (this.#next ??= this.#plan());
    const asked = { vm, matching: [] };
    round.wanted.push(asked);
    await round.done;
    return { matching: asked.matching, zombies: round.zombies };
  }

  #plan(): Round {
    const before = this.#running;
    const found = { wanted: [], zombies: [] };
    const done = before.then(() => {
      this.#next = null;
      return this.#walk(found);
    });
    this.#running = done.catch(() => undefined);
    return { ...found, done };
  }

  async #walk(round: Pick<Round, 'wanted' | 'zombies'>): Promise<void> {
    const { proc, turns } = this.#options;
    const slices = turns.begin();
    const long = new Map<string, number[]>();
    for (const pid of await listPids(proc)) {
      if (slices.isOver) await slices.next();
      this.#look(pid, round, long);
    }
    await this.#lookCloser([...long.values()].flat(), round, slices);
  }

  #look(pid: number, round: Pick<Round, 'wanted' | 'zombies'>, long: Map<string, number[]>): void {
    const commandLine = readStart(`${this.#options.proc}/${pid}/cmdline`, this.#short);
    if (commandLine === null) return;
    if (commandLine.length === 0) {
      if (round.zombies.length < MAX_ZOMBIES && this.#isZombieLauncher(pid)) round.zombies.push(pid);
    } else if (mayBeLauncher(commandLine)) {
      if (commandLine.length < SHORT) note(round, pid, parseLauncherCommandLine(commandLine));
      else this.#noteLong(pid, long);
    }
  }

  /** A pod may run any number of them: they must not hide another pod's. */
  #noteLong(pid: number, long: Map<string, number[]>): void {
    const container = this.#options.containerOf(pid);
    const known = long.get(container);
    if (known === undefined) long.set(container, [pid]);
    else if (known.length < MAX_LONG) known.push(pid);
  }

  async #lookCloser(pids: readonly number[], round: Pick<Round, 'wanted'>, slices: Slices): Promise<void> {
    for (const pid of pids) {
      if (slices.isOver) await slices.next();
      const commandLine = readStart(`${this.#options.proc}/${pid}/cmdline`, this.#long);
      if (commandLine !== null) note(round, pid, parseLauncherCommandLine(commandLine));
    }
  }

  #isZombieLauncher(pid: number): boolean {
    const text = readStart(`${this.#options.proc}/${pid}/stat`, this.#short)?.toString('latin1');
    const stat = parseStat(text ?? '');
    return stat?.state === 'Z' && stat.comm.startsWith('virt-launcher');
  }
}

function note({ wanted }: Pick<Round, 'wanted'>, pid: number, launcher: LauncherCommandLine | null): void {
  if (launcher === null) return;
  for (const { vm, matching } of wanted) if (matchesVm(launcher, vm)) matching.push(pid);
}
