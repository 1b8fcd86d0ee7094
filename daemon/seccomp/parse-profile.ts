import os from 'node:os';
import * as v from 'valibot';

import { quoteText } from '../quote-text.ts';
import type {
  ArgumentCondition,
  ProfileEntry,
  ProfileScope,
  SeccompAction,
  SeccompProfile,
} from './seccomp-profile.ts';

const EPERM = 1;

const actionKinds = {
  SCMP_ACT_KILL: 'kill-thread',
  SCMP_ACT_KILL_THREAD: 'kill-thread',
  SCMP_ACT_KILL_PROCESS: 'kill-process',
  SCMP_ACT_TRAP: 'trap',
  SCMP_ACT_ERRNO: 'errno',
  SCMP_ACT_LOG: 'log',
  SCMP_ACT_ALLOW: 'allow',
} as const;

const operators = {
  SCMP_CMP_EQ: 'EQ',
  SCMP_CMP_NE: 'NE',
  SCMP_CMP_LT: 'LT',
  SCMP_CMP_LE: 'LE',
  SCMP_CMP_GT: 'GT',
  SCMP_CMP_GE: 'GE',
  SCMP_CMP_MASKED_EQ: 'MASKED_EQ',
} as const;

/** The others are for supervisors that answer for a process, and for threads that exist already. */
const flagValues = { SECCOMP_FILTER_FLAG_LOG: 2, SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4 } as const;

const words = <const Table extends Readonly<Record<string, unknown>>>(
  table: Table,
): v.GenericSchema<string, keyof Table & string> => {
  const known = Object.keys(table);
  const isKnown = (text: string): text is keyof Table & string => known.includes(text);
  return v.pipe(v.string(), v.guard(isKnown, `one of ${known.join(', ')}`));
};

const strings = v.nullish(v.array(v.string()), []);
const errnoNumber = v.nullish(
  v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(4095, 'at most 4095')),
);
const errnoName = v.nullish(
  v.pipe(
    v.string(),
    v.check((name) => name === '' || name in os.constants.errno, 'the name of an error, such as EPERM'),
  ),
);
/** A larger number would be another one by the time that JavaScript has read it. */
const word = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const scope = v.nullish(
  v.strictObject({
    caps: strings,
    arches: strings,
    minKernel: v.nullish(v.pipe(v.string(), v.regex(/^[0-9]+\.[0-9]+$/, 'a version such as 4.8'))),
  }),
  {},
);

const entry = v.strictObject({
  name: v.nullish(v.string(), ''),
  names: strings,
  action: words(actionKinds),
  errnoRet: errnoNumber,
  errno: errnoName,
  args: v.nullish(
    v.pipe(
      v.array(
        v.strictObject({
          index: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(5, 'from 0 to 5')),
          value: word,
          valueTwo: v.nullish(word, 0),
          op: words(operators),
        }),
      ),
      v.check(
        (args) => new Set(args.map(({ index }) => index)).size === args.length,
        'conditions of different arguments: write an entry for each further condition of one argument',
      ),
    ),
    [],
  ),
  comment: v.nullish(v.string()),
  includes: scope,
  excludes: scope,
});

const profile = v.strictObject({
  defaultAction: words(actionKinds),
  defaultErrnoRet: errnoNumber,
  defaultErrno: errnoName,
  architectures: strings,
  archMap: v.nullish(v.array(v.unknown())),
  flags: v.nullish(v.array(words(flagValues)), []),
  syscalls: v.nullish(v.array(entry), []),
});

type ScopeInput = v.InferOutput<typeof scope>;
type EntryInput = v.InferOutput<typeof entry>;

function actionOf(
  action: keyof typeof actionKinds,
  number: number | null | undefined,
  name: string | null | undefined,
): SeccompAction {
  const kind = actionKinds[action];
  const named = Object.entries(os.constants.errno).find(([each]) => each === name)?.[1];
  return { kind, errno: kind === 'errno' ? (number ?? named ?? EPERM) : 0 };
}

function scopeOf({ caps = [], arches = [], minKernel }: Partial<ScopeInput>): ProfileScope {
  const [major, minor] = minKernel?.split('.').map(Number) ?? [];
  return {
    capabilities: caps,
    architectures: arches,
    minKernel: major === undefined || minor === undefined ? null : [major, minor],
  };
}

function entryOf({
  name,
  names,
  action,
  errnoRet,
  errno,
  args,
  includes,
  excludes,
}: EntryInput): ProfileEntry {
  return {
    names: name === '' ? names : [name, ...names],
    action: actionOf(action, errnoRet, errno),
    conditions: args.map(({ index, value, valueTwo, op }): ArgumentCondition => ({
      index,
      operator: operators[op],
      value: BigInt(value),
      valueTwo: BigInt(valueTwo),
    })),
    includes: scopeOf(includes),
    excludes: scopeOf(excludes),
  };
}

function keyOf(issue: v.BaseIssue<unknown>): string {
  return (issue.path ?? []).reduce(
    (text, { key }) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`,
    '',
  );
}

/** What is wrong with a profile: clauses that name the key. */
export class ProfileError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('; '));
    this.name = 'ProfileError';
    this.problems = problems;
  }
}

function describe(issue: v.BaseIssue<unknown>): string {
  const key = quoteText(keyOf(issue));
  if (issue.type === 'strict_object' && issue.expected === 'never')
    return `${key} is an unknown key; remove it`;
  const value = typeof issue.input === 'string' ? quoteText(issue.input) : issue.received;
  const wanted = issue.expected ?? issue.message;
  return `${key} is ${value}; it must be ${issue.kind === 'schema' ? wanted : issue.message}`;
}

/**
 * Reads a seccomp profile: `linux.seccomp` of an OCI configuration, or the form that container engines keep in files.
 *
 * @throws ProfileError with everything in it that is not understood
 */
export function parseProfile(text: string): SeccompProfile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ProfileError([`it is not JSON: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const result = v.safeParse(profile, json);
  if (!result.success) throw new ProfileError(result.issues.map(describe));
  const { defaultAction, defaultErrnoRet, defaultErrno, flags, syscalls } = result.output;
  return {
    defaultAction: actionOf(defaultAction, defaultErrnoRet, defaultErrno),
    flags: flags.reduce((sum, flag) => sum | flagValues[flag], 0),
    entries: syscalls.map(entryOf),
  };
}
