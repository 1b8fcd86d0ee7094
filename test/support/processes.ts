import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { waitUntil } from './wait-until.ts';

/** A process that can't be mistaken for a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot, field 22 of /proc/PID/stat. */
  readonly startTime: string;
}

export interface ProcessStatus extends ProcessIdentity {
  readonly parent: number;
  /** One letter, `Z` for a zombie. */
  readonly state: string;
}

/** What /proc/PID/stat says, or undefined where there is no such process. */
export function readProcess(pid: number): ProcessStatus | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The name in parentheses may contain spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent = ''] = fields;
  return { pid, startTime: fields[19] ?? '', state, parent: Number(parent) };
}

/** Milliseconds that a process has had of processors, all threads together; to the kernel's 10 ms. */
export function readProcessorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return ((user ?? 0) + (system ?? 0)) * 10;
}

/** The identity of a process that is known to run. */
export function identify(pid: number): ProcessIdentity {
  const status = readProcess(pid);
  if (status === undefined) throw new Error(`Process ${pid} does not run any more`);
  return { pid, startTime: status.startTime };
}

/** False for a process that ended, reaped or not. */
export function isRunning({ pid, startTime }: ProcessIdentity): boolean {
  const status = readProcess(pid);
  return status?.startTime === startTime && !['Z', 'X'].includes(status.state);
}

export function listProcesses(): readonly ProcessStatus[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((status) => status !== undefined);
}

/** All descendants of a process, parents before children; none where it has ended. */
export function listDescendants(ancestor: ProcessIdentity): readonly ProcessStatus[] {
  if (readProcess(ancestor.pid)?.startTime !== ancestor.startTime) return [];
  const all = listProcesses();
  const found: ProcessStatus[] = [];
  for (let parents = new Set([ancestor.pid]); parents.size > 0;) {
    const children = all.filter(({ parent }) => parents.has(parent));
    found.push(...children);
    parents = new Set(children.map(({ pid }) => pid));
  }
  return found;
}

/** Sends a signal to exactly that process; gives false where it has ended. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(target)) return false;
  try {
    return process.kill(target.pid, signal);
  } catch {
    return false;
  }
}

/** Kills whoever has this pid now, if anybody has. */
export function killNow(pid: number): void {
  const status = readProcess(pid);
  if (status !== undefined) signalProcess(status, 'SIGKILL');
}

/**
 * Stops a process, and returns when no thread of it runs: one that waits for its children and is only about to stop
 * would still reap one.
 */
export async function stopProcess(target: ProcessIdentity): Promise<void> {
  signalProcess(target, 'SIGSTOP');
  const { pid } = target;
  const isStopped = (): boolean =>
    readdirSync(`/proc/${pid}/task`).every((thread) => readProcess(Number(thread))?.state === 'T');
  await waitUntil(`process ${pid} has stopped`, () => (isStopped() ? true : undefined), 5000);
}

/** Ends a process: TERM, and KILL after `grace` milliseconds; comes back when it runs no more. */
export async function endProcess(target: ProcessIdentity, grace = 5000): Promise<void> {
  const ended = (): true | undefined => (isRunning(target) ? undefined : true);
  if (grace > 0 && signalProcess(target, 'SIGTERM')) {
    await waitUntil(`process ${target.pid} ends`, ended, grace).catch(() => undefined);
  }
  if (signalProcess(target, 'SIGKILL')) {
    await waitUntil(`process ${target.pid} ends after SIGKILL`, ended, 10_000);
  }
}

/** The arguments of a process; empty for a zombie and a process that has ended. */
export function readArguments(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

export const namespaceNames = ['mnt', 'net', 'ipc', 'uts', 'cgroup', 'pid'] as const;
export type NamespaceName = (typeof namespaceNames)[number] | 'user';

/** The namespace of a process as its inode, e.g. `4026531840`. */
export function readNamespace(pid: number, name: NamespaceName): string {
  return readlinkSync(`/proc/${pid}/ns/${name}`).replace(/^.*\[(\d+)\]$/, '$1');
}

/** The fields of /proc/PID/status by name, e.g. `Uid`, `CapEff`. */
export function readStatusFields(pid: number): ReadonlyMap<string, string> {
  return new Map(
    readFileSync(`/proc/${pid}/status`, 'utf8')
      .split('\n')
      .map((line) => line.split(':\t'))
      .map(([name = '', value = '']): [string, string] => [name, value.trim()]),
  );
}

/** The pid of a process in the innermost PID namespace that it is in. */
export function readNestedPid(pid: number): number {
  return Number(readStatusFields(pid).get('NSpid')?.split('\t').at(-1));
}
