import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { writeInPlace } from './write-in-place.ts';

/** What an installation put into a profile's directory, so that its removal takes nothing else. */
export interface InstallRecord {
  readonly sha256: string;
  /** Where the link to the emulator leads. */
  readonly local: string;
  readonly version: string;
}

export function hashOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** The record of a stub; null where it was not put there by us. */
export function readRecord(stub: string): InstallRecord | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(fs.readFileSync(recordPath(stub), 'utf8'));
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null) return null;
  const { sha256, local, version } = parsed as Partial<Record<keyof InstallRecord, unknown>>;
  if (typeof sha256 !== 'string' || typeof local !== 'string' || typeof version !== 'string') return null;
  return { sha256, local, version };
}

export function writeRecord(stub: string, record: InstallRecord): void {
  writeInPlace(recordPath(stub), { content: `${JSON.stringify(record)}\n`, mode: 0o644, gid: 0 });
}

/** Not executable, so no stub to the daemon. */
export function recordPath(stub: string): string {
  return path.join(path.dirname(stub), `.${path.basename(stub)}.installed`);
}
