import type { ProcessIdentity } from './target.ts';

/** The part of `/proc/PID/stat` that the driver needs, see proc_pid_stat(5). */
export interface ProcessStat extends ProcessIdentity {
  /** Name of the program, at most 15 bytes, chosen by the process itself: never a proof of anything. */
  readonly comm: string;
  /** One letter: `R` running, `S` sleeping, `D` uninterruptible, `T` stopped, `Z` zombie, `X` dead … */
  readonly state: string;
  readonly ppid: number;
}

/** It runs no more: a zombie, or what is about to be none. */
export function hasEnded({ state }: Pick<ProcessStat, 'state'>): boolean {
  return state === 'Z' || state === 'X';
}

const startTimeField = 22;

/**
 * Reads the text of `/proc/PID/stat`. A process may put spaces, parentheses and newlines into its name, so the fields
 * begin behind the last `)`, which nothing but the name can hold.
 *
 * @returns `null` when the text is not what a kernel writes.
 */
export function parseStat(text: string): ProcessStat | null {
  const open = text.indexOf(' (');
  const close = text.lastIndexOf(') ');
  if (open < 0 || close < open + 2) return null;

  const pid = decimal(text.slice(0, open));
  const comm = text.slice(open + 2, close);
  // The field after the name is number 3.
  const fields = text
    .slice(close + 2)
    .trimEnd()
    .split(' ');
  const state = fields[0] ?? '';
  const ppid = decimal(fields[1]);
  const startTime = decimal(fields[startTimeField - 3]);
  if (pid === null || ppid === null || startTime === null || !/^[A-Za-z]$/.test(state)) return null;
  return { pid, startTime, comm, state, ppid };
}

function decimal(text: string | undefined): number | null {
  if (text === undefined || !/^[0-9]+$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}
