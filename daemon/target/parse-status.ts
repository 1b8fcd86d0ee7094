/** The four user or group IDs of a process, as the node's user namespace numbers them. */
export interface IdentityIds {
  readonly real: number;
  readonly effective: number;
  readonly saved: number;
  readonly fs: number;
}

/** The part of `/proc/PID/status` that the driver needs, see proc_pid_status(5). */
export interface ProcessStatus {
  /** Program name with the kernel's escapes (`\n`, `\\`) left in. */
  readonly name: string;
  /** One letter, as in `/proc/PID/stat`. */
  readonly state: string;
  readonly pid: number;
  readonly ppid: number;
  readonly uid: IdentityIds;
  readonly gid: IdentityIds;
  readonly groups: readonly number[];
  /** The pid in each PID namespace, the reader's first, the process's own last; the pid alone on old kernels. */
  readonly nspid: readonly number[];
  /** Absent for a zombie, which has no umask any more. */
  readonly umask?: number;
  readonly capabilities: Readonly<Partial<Record<CapabilitySet, bigint>>>;
  readonly noNewPrivs?: boolean;
  /** 0 none, 1 strict, 2 filter. */
  readonly seccomp?: number;
  /** CPU list such as `0-3,8`. */
  readonly cpusAllowed?: string;
}

export type CapabilitySet = 'inheritable' | 'permitted' | 'effective' | 'bounding' | 'ambient';

const capabilityKeys: readonly (readonly [CapabilitySet, string])[] = [
  ['inheritable', 'CapInh'],
  ['permitted', 'CapPrm'],
  ['effective', 'CapEff'],
  ['bounding', 'CapBnd'],
  ['ambient', 'CapAmb'],
];

const neededKeys: ReadonlySet<string> = new Set([
  ...['Name', 'State', 'Pid', 'PPid', 'Uid', 'Gid', 'Groups', 'NSpid', 'Umask', 'Seccomp', 'NoNewPrivs'],
  ...['Cpus_allowed_list', ...capabilityKeys.map(([, key]) => key)],
]);

/**
 * Reads the text of `/proc/PID/status`. The kernel escapes a newline in the program's name, so no process can add a
 * line of its own; of a key that comes twice the first counts all the same.
 *
 * @returns `null` when a needed line is missing or holds something else than numbers.
 */
export function parseStatus(text: string): ProcessStatus | null {
  const lines = linesByKey(text);
  const state = /^[A-Za-z]/.exec(lines.get('State') ?? '')?.[0];
  const [pid] = decimals(lines.get('Pid'), 1) ?? [];
  const [ppid] = decimals(lines.get('PPid'), 1) ?? [];
  const uid = identityIds(lines.get('Uid'));
  const gid = identityIds(lines.get('Gid'));
  const groups = decimals(lines.get('Groups'));
  if (state === undefined || pid === undefined || ppid === undefined) return null;
  if (uid === null || gid === null || groups === null) return null;

  const nspid = lines.has('NSpid') ? decimals(lines.get('NSpid')) : [pid];
  if (nspid === null || nspid.length === 0) return null;

  const umask = numeral(lines.get('Umask'), /^[0-7]{1,4}$/, 8);
  const seccomp = numeral(lines.get('Seccomp'), /^[0-9]$/, 10);
  const noNewPrivs = numeral(lines.get('NoNewPrivs'), /^[01]$/, 10);
  const cpusAllowed = lines.get('Cpus_allowed_list');
  return {
    name: lines.get('Name') ?? '',
    state,
    pid,
    ppid,
    uid,
    gid,
    groups,
    nspid,
    capabilities: capabilities(lines),
    ...(umask === undefined ? {} : { umask }),
    ...(seccomp === undefined ? {} : { seccomp }),
    ...(noNewPrivs === undefined ? {} : { noNewPrivs: noNewPrivs === 1 }),
    ...(cpusAllowed === undefined ? {} : { cpusAllowed }),
  };
}

function linesByKey(text: string): ReadonlyMap<string, string> {
  const lines = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const key = line.slice(0, colon);
    if (!neededKeys.has(key)) continue;
    // Only the tab after the colon is the kernel's: a name may begin or end with spaces.
    const value = line.slice(colon + 1).replace(/^\t/, '');
    if (!lines.has(key)) lines.set(key, key === 'Name' ? value : value.trim());
  }
  return lines;
}

function decimals(value: string | undefined, count?: number): readonly number[] | null {
  if (value === undefined) return null;
  const words = value.split(/[\t ]+/).filter((word) => word !== '');
  if (!words.every((word) => /^[0-9]{1,10}$/.test(word))) return null;
  return count === undefined || words.length === count ? words.map(Number) : null;
}

function identityIds(value: string | undefined): IdentityIds | null {
  const [real, effective, saved, fs] = decimals(value, 4) ?? [];
  if (real === undefined || effective === undefined || saved === undefined || fs === undefined) return null;
  return { real, effective, saved, fs };
}

function numeral(value: string | undefined, form: RegExp, radix: number): number | undefined {
  return value !== undefined && form.test(value) ? Number.parseInt(value, radix) : undefined;
}

function capabilities(lines: ReadonlyMap<string, string>): Partial<Record<CapabilitySet, bigint>> {
  const sets: Partial<Record<CapabilitySet, bigint>> = {};
  for (const [set, key] of capabilityKeys) {
    const value = lines.get(key);
    if (value !== undefined && /^[0-9a-f]{1,16}$/.test(value)) sets[set] = BigInt(`0x${value}`);
  }
  return sets;
}
