import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from './processes.ts';

/** One line of a record: something that a run made and that outlives its process. */
export type ScratchEntry =
  | ({ readonly kind: 'owner' | 'process'; readonly boot: string } & ProcessIdentity)
  /** A cgroup of ours in all hierarchies, with all that is in it. */
  | { readonly kind: 'cgroup'; readonly path: string }
  /** A directory outside of the scratch directories, removed only where it is empty. */
  | { readonly kind: 'directory'; readonly path: string }
  /** A directory of ours outside of the scratch directories, with all that is in it. */
  | { readonly kind: 'tree'; readonly path: string }
  /** A file of /proc/sys, and what was in it. */
  | { readonly kind: 'setting'; readonly path: string; readonly text: string }
  | { readonly kind: 'container'; readonly root: string; readonly id: string };

/** Tells one boot of the machine from another: pids and start times mean nothing beyond it. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

const recordPath = (directory: string): string => join(directory, 'record.jsonl');

export function appendRecord(directory: string, entry: ScratchEntry): void {
  appendFileSync(recordPath(directory), `${JSON.stringify(entry)}\n`);
}

/** The entries of a run, in the order they were made; a line that was cut off by a crash is left out. */
export function readRecord(directory: string): readonly ScratchEntry[] {
  let text: string;
  try {
    text = readFileSync(recordPath(directory), 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .map(parseEntry)
    .filter((entry) => entry !== undefined);
}

function parseEntry(line: string): ScratchEntry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isEntry(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is ScratchEntry {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  const has = (name: string, type: string): boolean => typeof Reflect.get(value, name) === type;
  switch (value.kind) {
    case 'owner':
    case 'process':
      return has('pid', 'number') && has('startTime', 'string') && has('boot', 'string');
    case 'cgroup':
    case 'directory':
    case 'tree':
      return has('path', 'string');
    case 'setting':
      return has('path', 'string') && has('text', 'string');
    case 'container':
      return has('root', 'string') && has('id', 'string');
    default:
      return false;
  }
}
