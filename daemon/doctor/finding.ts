/** `skipped`: it could not be looked at, or there is nothing to look at; the message says which. */
export const findingStatuses = ['ok', 'warning', 'failure', 'skipped'] as const;

export type FindingStatus = (typeof findingStatuses)[number];

/** What a check has to say: one line. */
export interface Finding {
  readonly status: FindingStatus;
  /** Of several things that one check looks at, which: a profile, a socket, a setting; `''` where there is one. */
  readonly subject: string;
  /** What is so, and where it matters why that is wrong. */
  readonly message: string;
  /** For a shell of the node: it mends what is wrong. */
  readonly command: string | null;
  /** What to do that no command does, or besides it. */
  readonly remedy: string | null;
}

/** Where a finding is from. The names are stable: scripts look for them. */
export const checkNames = [
  'daemon',
  'version',
  'config',
  'kernel',
  'cgroups',
  'namespaces',
  'capabilities',
  'lsm',
  'programs',
  'users',
  'sockets',
  'state',
  'stub',
  'emulator',
  'probe-cache',
  'libvirt',
  'clock',
  'kubernetes',
] as const;

export type CheckName = (typeof checkNames)[number];

/** A finding with the name of its check. */
export interface NodeFinding extends Finding {
  readonly check: string;
}

type Advice = Partial<Pick<Finding, 'subject' | 'command' | 'remedy'>>;

/** @param advice what it is about, and what to do about it */
export function newFinding(status: FindingStatus, message: string, advice: Advice = {}): Finding {
  return { status, subject: '', message, command: null, remedy: null, ...advice };
}
