import type { SeccompMachine } from './seccomp-machine.ts';
import type {
  ArgumentCondition,
  ProfileEntry,
  ProfileScope,
  SeccompAction,
  SeccompProfile,
} from './seccomp-profile.ts';

const ENOSYS = 38;

export interface SyscallRule {
  /** The first whose conditions all hold decides. */
  readonly cases: readonly {
    readonly conditions: readonly ArgumentCondition[];
    readonly action: SeccompAction;
  }[];
  readonly otherwise: SeccompAction;
}

/** A profile for one architecture and one process. */
export interface SyscallRules {
  readonly byNumber: ReadonlyMap<number, SyscallRule>;
  readonly otherwise: SeccompAction;
  /** Above the last number that the profile knows of. */
  readonly later: SeccompAction;
  readonly lastNumber: number;
  /** Names that no system call has here, in entries that are stricter than the default: what they were to deny is not. */
  readonly ineffective: readonly string[];
}

/** From the strictest on. */
const kinds = ['kill-process', 'kill-thread', 'trap', 'errno', 'log', 'allow'] as const;

const rank = ({ kind }: SeccompAction): number => kinds.indexOf(kind);
const strictest = (actions: readonly SeccompAction[]): SeccompAction | undefined =>
  actions.toSorted((a, b) => rank(a) - rank(b))[0];

function isAtLeast([major, minor]: readonly [number, number], wanted: readonly [number, number]): boolean {
  return major > wanted[0] || (major === wanted[0] && minor >= wanted[1]);
}

const shares = (wanted: readonly string[], own: readonly string[]): boolean =>
  wanted.some((each) => own.includes(each));

/** QEMU has no capability: what an entry wants one for is not for it. */
function isIncluded(scope: ProfileScope, machine: SeccompMachine): boolean {
  const { capabilities, architectures, minKernel } = scope;
  return (
    capabilities.length === 0 &&
    (architectures.length === 0 || shares(architectures, machine.architecture.goNames)) &&
    (minKernel === null || isAtLeast(machine.kernel, minKernel))
  );
}

function isExcluded({ architectures, minKernel }: ProfileScope, machine: SeccompMachine): boolean {
  return (
    shares(architectures, machine.architecture.goNames) ||
    (minKernel !== null && isAtLeast(machine.kernel, minKernel))
  );
}

function resolveRule(entries: readonly ProfileEntry[], defaultAction: SeccompAction): SyscallRule {
  const plain = strictest(
    entries.filter(({ conditions }) => conditions.length === 0).map(({ action }) => action),
  );
  const cases = entries
    .filter(
      ({ conditions, action }) =>
        conditions.length > 0 && (plain === undefined || rank(action) < rank(plain)),
    )
    .toSorted((a, b) => rank(a.action) - rank(b.action));
  return { cases, otherwise: plain ?? defaultAction };
}

/**
 * Finds what a profile says of each system call here. Where entries contradict each other, the strictest counts. A call
 * that is newer than all that the profile knows does not exist, as runc has it: programs ask for it and then do without.
 */
export function resolveRules(profile: SeccompProfile, machine: SeccompMachine): SyscallRules {
  const { defaultAction } = profile;
  const byNumber = new Map<number, ProfileEntry[]>();
  const ineffective = new Set<string>();
  const { numbers } = machine.architecture;
  let lastNumber = 0;
  for (const entry of profile.entries) {
    const counts = isIncluded(entry.includes, machine) && !isExcluded(entry.excludes, machine);
    for (const name of entry.names) {
      const number = numbers.get(name);
      lastNumber = Math.max(lastNumber, number ?? 0);
      if (!counts) continue;
      if (number !== undefined) byNumber.set(number, [...(byNumber.get(number) ?? []), entry]);
      else if (rank(entry.action) < rank(defaultAction)) ineffective.add(name);
    }
  }
  return {
    byNumber: new Map(
      [...byNumber].map(([number, entries]) => [number, resolveRule(entries, defaultAction)]),
    ),
    otherwise: defaultAction,
    later: defaultAction.kind === 'errno' ? { kind: 'errno', errno: ENOSYS } : defaultAction,
    lastNumber,
    ineffective: [...ineffective],
  };
}
