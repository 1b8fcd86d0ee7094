import { expect } from 'chai';
import { filterOf } from '../../../daemon/seccomp/load-filter.ts';
import { parseProfile, ProfileError } from '../../../daemon/seccomp/parse-profile.ts';
import { resolveRules } from '../../../daemon/seccomp/resolve-rules.ts';
import { seccompArchitecture, type SeccompMachine } from '../../../daemon/seccomp/seccomp-machine.ts';

const machine: SeccompMachine = { architecture: seccompArchitecture('x64'), kernel: [6, 1] };
const numberOf = (name: string): number => machine.architecture.numbers.get(name) ?? -1;
const problemsOf = (profile: unknown): readonly string[] => {
  try {
    parseProfile(typeof profile === 'string' ? profile : JSON.stringify(profile));
  } catch (error) {
    if (error instanceof ProfileError) return error.problems;
    throw error;
  }
  return [];
};
const rule = (entry: object): object => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read'], ...entry }],
});

describe('parseProfile', () => {
  it('reads the form of the OCI runtime specification', () => {
    const { defaultAction, flags, entries } = parseProfile(
      JSON.stringify({
        defaultAction: 'SCMP_ACT_ERRNO',
        defaultErrnoRet: 38,
        architectures: ['SCMP_ARCH_X86_64'],
        flags: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'],
        syscalls: [
          {
            names: ['clone'],
            action: 'SCMP_ACT_ALLOW',
            args: [{ index: 0, value: 2114060288, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
          },
          { names: ['bpf'], action: 'SCMP_ACT_KILL' },
        ],
      }),
    );
    expect({ defaultAction, flags }).to.deep.equal({ defaultAction: { kind: 'errno', errno: 38 }, flags: 6 });
    expect(entries.map(({ names, action, conditions }) => ({ names, action, conditions }))).to.deep.equal([
      {
        names: ['clone'],
        action: { kind: 'allow', errno: 0 },
        conditions: [{ index: 0, operator: 'MASKED_EQ', value: 0x7e02_0000n, valueTwo: 0n }],
      },
      { names: ['bpf'], action: { kind: 'kill-thread', errno: 0 }, conditions: [] },
    ]);
  });

  it('reads what engines add: scopes, names of errors, nulls', () => {
    const profile = parseProfile(
      JSON.stringify({
        defaultAction: 'SCMP_ACT_ERRNO',
        defaultErrno: 'ENOSYS',
        archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: null }],
        syscalls: [
          { names: ['bpf'], action: 'SCMP_ACT_ALLOW', args: null, includes: { caps: ['CAP_SYS_ADMIN'] } },
          {
            names: ['bpf'],
            action: 'SCMP_ACT_ERRNO',
            errno: 'EACCES',
            excludes: { caps: ['CAP_SYS_ADMIN'] },
          },
          { names: ['ptrace'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '4.8' } },
          { names: ['acct'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '6.2' } },
          { names: ['arch_prctl'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['amd64', 'x32'] } },
          { names: ['sync'], action: 'SCMP_ACT_ALLOW', excludes: { arches: ['amd64'] } },
          { name: 'read', action: 'SCMP_ACT_ALLOW' },
        ],
      }),
    );
    const { byNumber, otherwise } = resolveRules(profile, machine);
    const found = ['bpf', 'ptrace', 'acct', 'arch_prctl', 'sync', 'read'].map(
      (name) => byNumber.get(numberOf(name))?.otherwise ?? otherwise,
    );
    expect(found.map(({ kind, errno }) => (kind === 'errno' ? errno : kind))).to.deep.equal([
      13,
      'allow',
      38,
      'allow',
      38,
      'allow',
    ]);
  });

  for (const [what, profile, problem] of [
    ['no JSON', '{', /^it is not JSON: /],
    ['no default', {}, /^"defaultAction" is .*; it must be /],
    [
      'an unknown key',
      { defaultAction: 'SCMP_ACT_ALLOW', syscal: [] },
      /^"syscal" is an unknown key; remove it$/,
    ],
    [
      'an action that asks a supervisor',
      rule({ action: 'SCMP_ACT_NOTIFY' }),
      /^"syscalls\[0\]\.action" is "SCMP_ACT_NOTIFY"; it must be one of SCMP_ACT_KILL, /,
    ],
    [
      'an action for a tracer',
      rule({ action: 'SCMP_ACT_TRACE' }),
      /^"syscalls\[0\]\.action" is "SCMP_ACT_TRACE"; /,
    ],
    [
      'a flag for threads',
      { defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_TSYNC'] },
      /^"flags\[0\]" is "SECCOMP_FILTER_FLAG_TSYNC"; it must be one of /,
    ],
    [
      'a seventh argument',
      rule({ action: 'SCMP_ACT_ALLOW', args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }] }),
      /^"syscalls\[0\]\.args\[0\]\.index" is .*6.*; it must be from 0 to 5$/,
    ],
    [
      'two conditions of one argument',
      rule({
        action: 'SCMP_ACT_ALLOW',
        args: [
          { index: 1, value: 0, op: 'SCMP_CMP_GE' },
          { index: 1, value: 9, op: 'SCMP_CMP_LE' },
        ],
      }),
      /^"syscalls\[0\]\.args" is .*; it must be conditions of different arguments/,
    ],
    [
      'a number that JavaScript cannot hold',
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":' +
        '[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}',
      /^"syscalls\[0\]\.args\[0\]\.value" is /,
    ],
    [
      'an unknown error',
      rule({ action: 'SCMP_ACT_ERRNO', errno: 'EWHAT' }),
      /^"syscalls\[0\]\.errno" is "EWHAT"; /,
    ],
  ] as const)
    it(`refuses ${what}, and names the key`, () => {
      const [first, ...others] = problemsOf(profile);
      expect(first).to.match(problem);
      expect(others).to.deep.equal([]);
    });

  it('tells of names that were to be denied and are no calls here', () => {
    const profile = parseProfile(
      JSON.stringify({
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['vm86', 'bpf', 'made_up'], action: 'SCMP_ACT_ERRNO' }],
      }),
    );
    expect(filterOf(profile, machine).warnings).to.deep.equal([
      'It denies what is no system call here: vm86, made_up',
    ]);
  });

  it('refuses a filter under which nothing could be executed', () => {
    const profile = parseProfile('{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[]}');
    expect(() => filterOf(profile, machine)).to.throw(ProfileError, /execve/);
  });
});
