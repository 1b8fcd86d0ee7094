import { shellQuote } from '../shell-quote.ts';
import { newFinding, type Finding } from './finding.ts';
import { octalMode } from './octal-mode.ts';

export interface StateEvidence {
  readonly path: string;
  /** What keeps a file from being written there, as the name of an errno; null: nothing. */
  readonly fault: string | null;
  readonly uid: number;
  /** Permission bits. */
  readonly mode: number;
  readonly freeBytes: number;
  readonly freeInodes: number;
  /** Whether the file system counts inodes at all. */
  readonly hasInodes: boolean;
}

/** A launch writes a few KiB; the ledger of tokens and the audit log grow. */
const LITTLE = 64 * 1024 * 1024;
const NONE = 1024 * 1024;
const FEW_INODES = 1000;

/** A directory that the daemon writes to. */
export function judgeState(evidence: StateEvidence): Finding {
  const { path, fault, uid, mode, freeBytes, freeInodes, hasInodes } = evidence;
  const subject = path;
  const name = shellQuote(path);
  if (fault === 'ENOENT') return newFinding('skipped', 'it is not there; the daemon makes it', { subject });
  if (uid !== 0 || (mode & 0o077) !== 0)
    return newFinding(
      'failure',
      `it is not root's alone (uid ${uid}, mode ${octalMode(mode)}), and holds what VMs are ended by`,
      {
        subject,
        command: `chown root: ${name} && chmod 700 ${name}`,
      },
    );
  if (fault === 'EROFS')
    return newFinding('failure', 'its file system is read-only: no VM can start', {
      subject,
      command: `mount -o remount,rw "$(findmnt -n -o TARGET --target ${name})"`,
    });
  const free = `${Math.floor(freeBytes / 1024 / 1024)} MiB free`;
  if (fault === 'ENOSPC' || freeBytes < NONE)
    return newFinding('failure', `its file system is full (${free}): no VM can start`, {
      subject,
      command: `df ${name}`,
    });
  if (fault !== null)
    return newFinding('failure', `it can't be written to (${fault}): no VM can start`, {
      subject,
      command: `ls -ld ${name}`,
    });
  if (freeBytes < LITTLE)
    return newFinding('warning', `its file system is almost full: ${free}`, {
      subject,
      command: `df ${name}`,
    });
  if (hasInodes && freeInodes < FEW_INODES)
    return newFinding('warning', `its file system has ${freeInodes} inodes left`, {
      subject,
      command: `df -i ${name}`,
    });
  return newFinding('ok', `writable, ${free}`, { subject });
}
