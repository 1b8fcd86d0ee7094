import fs from 'node:fs';

import { parseLauncherCommandLine } from '../target/launcher-command-line.ts';
import { matchesVm } from '../target/matches-vm.ts';
import { parseStat } from '../target/parse-stat.ts';
import type { VmIdentity } from '../target/target.ts';

/** Pids that are worth a closer look, and zombies that once may have been. */
export interface LauncherScan {
  readonly matching: readonly number[];
  /** A zombie has no command line any more: only its name is left. */
  readonly zombies: readonly number[];
}

const COMMAND_LINE_LIMIT = 65536;

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

function isZombieLauncher(proc: string, pid: number, buffer: Buffer): boolean {
  const stat = parseStat(readStart(`${proc}/${pid}/stat`, buffer)?.toString('latin1') ?? '');
  return stat?.state === 'Z' && stat.comm.startsWith('virt-launcher');
}

/**
 * Looks through all processes of the node for launchers of a VM. Nothing that is found here is proven: a command
 * line is whatever its process says.
 */
export function scanLaunchers(proc: string, vm: VmIdentity): LauncherScan {
  const buffer = Buffer.allocUnsafe(COMMAND_LINE_LIMIT);
  const matching: number[] = [];
  const zombies: number[] = [];
  for (const name of fs.readdirSync(proc)) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid <= 0) continue;
    const commandLine = readStart(`${proc}/${name}/cmdline`, buffer);
    if (commandLine === null) continue;
    if (commandLine.length === 0) {
      if (isZombieLauncher(proc, pid, buffer)) zombies.push(pid);
      continue;
    }
    const launcher = parseLauncherCommandLine(commandLine);
    if (launcher !== null && matchesVm(launcher, vm)) matching.push(pid);
  }
  return { matching, zombies };
}
