import type { Mutation } from './mutation.ts';

const race = 'test/hostile/entry-race.test.ts';
const handOff = 'test/integration/launch/hand-off.test.ts';
const seccomp = 'test/integration/launch/seccomp.test.ts';
const enter = 'test/integration/stub/enter.test.ts';

/** Of what becomes of a process of the driver's until it is QEMU. */
export const privilegeMutations: readonly Mutation[] = [
  {
    name: 'child-may-be-looked-into',
    rows: ['NS-9', 'AT-10'],
    file: 'stub/identity.c',
    search: '#define DUMPABLE 0',
    replace: '#define DUMPABLE 1',
    tests: [race],
    grep: "as it is gives nothing to QEMU's user and root while it is held at before-exec",
  },
  {
    name: 'child-is-born-inside-as-root',
    rows: ['NS-9', 'AT-10'],
    file: 'stub/shim-child.c',
    search: 'entry_become_caller(plan, failure) < 0 || be_born_inside(child, failure) < 0 ||',
    replace: 'be_born_inside(child, failure) < 0 || entry_become_caller(plan, failure) < 0 ||',
    tests: [race],
    grep: 'as it is has nothing to lose to one that may trace',
  },
  {
    name: 'child-is-not-born-inside',
    rows: ['NS-9', 'AT-10'],
    file: 'stub/shim-child.c',
    search: `expect_pid_namespace(child, failure) < 0 ||
      entry_enter(&child->entry, failure) < 0 ||`,
    replace: `expect_pid_namespace(child, failure) < 0 ||
      be_born_inside(child, failure) < 0 || entry_enter(&child->entry, failure) < 0 ||`,
    tests: [race],
    grep: "as it is is not in the pod's sight while it is held at users-joined",
  },
  {
    name: 'child-keeps-the-groups-of-the-daemon',
    rows: ['NS-14'],
    file: 'stub/identity.c',
    search: '  if (setgroups(plan->group_count, groups) < 0 ||',
    replace: '  if ((plan->group_count > PLAN_MAX_GROUPS && setgroups(plan->group_count, groups) < 0) ||',
    tests: [handOff],
    grep: 'fork mode the ids of the caller',
  },
  {
    name: 'child-may-gain-privileges',
    rows: ['NS-14'],
    file: 'stub/identity.c',
    search: '  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)',
    replace: '  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0)',
    tests: [seccomp],
    grep: 'fork mode is none where the configuration says so',
  },
  {
    name: 'child-has-no-filter',
    rows: ['NS-14', 'AT-11'],
    file: 'stub/entry.c',
    search: '  if (filter->length == 0)',
    replace: '  if (filter->length < 65535)',
    tests: [seccomp],
    grep: 'fork mode is loaded last',
  },
  {
    name: 'child-keeps-the-keyring',
    rows: ['NS-14'],
    file: 'stub/entry.c',
    search: 'if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0 ||',
    replace: 'if (failure != NULL || syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0 ||',
    tests: ['test/integration/launch/attributes.test.ts'],
    grep: 'fork mode an empty session keyring',
  },
  {
    name: 'child-shares-a-keyring-with-keys',
    rows: ['NS-14'],
    file: 'stub/entry.c',
    search: 'SESSION_KEYRING, NULL, 0) == 0)',
    replace: 'SESSION_KEYRING, NULL, 0) >= 0)',
    tests: ['test/integration/launch/attributes.test.ts'],
    grep: 'exec mode no key of its caller',
  },
  {
    name: 'stub-takes-from-the-quotas-of-its-caller',
    rows: ['NS-14'],
    file: 'stub/exec.c',
    search: '  (void)!setresuid(0, 0, 0);\n',
    replace: '',
    tests: ['test/integration/launch/attributes.test.ts'],
    grep: 'exec mode an empty session keyring of its own, whatever',
  },
  {
    name: 'child-ignores-what-the-shim-does',
    rows: ['NS-18'],
    file: 'stub/entry.c',
    search: '  reset_signals();\n  raise_hard_limits(plan);',
    replace: '  raise_hard_limits(plan);',
    tests: [handOff],
    grep: "fork mode the caller's umask",
  },
  {
    name: 'signals-of-musl-stay-ignored',
    rows: ['NS-18'],
    file: 'stub/reset-signals.c',
    search: '    syscall(SYS_rt_sigaction, number, plain, NULL, sizeof(uint64_t));',
    replace:
      '    if (number < 32 || number > 34)\n      syscall(SYS_rt_sigaction, number, plain, NULL, sizeof(uint64_t));',
    tests: ['test/hostile/ignored-signals.test.ts'],
    grep: 'a broker that .* gives QEMU none',
  },
  {
    name: 'broker-keeps-ignored-signals',
    rows: ['NS-19'],
    file: 'stub/broker.c',
    search: '  reset_signals();\n  prctl(PR_SET_DUMPABLE',
    replace: '  prctl(PR_SET_DUMPABLE',
    tests: ['test/hostile/ignored-signals.test.ts'],
    grep: 'a broker that .* loses no status',
  },
  {
    name: 'plan-for-another-user',
    rows: [],
    file: 'stub/exec.c',
    search: 'plan->uid != getuid() || plan->gid != getgid()',
    replace: 'plan->uid != getuid() && plan->gid != getgid()',
    tests: [enter],
    grep: 'refuses a plan for another uid',
  },
  {
    name: 'plan-for-nobody',
    rows: [],
    file: 'stub/plan.c',
    search: 'plan->uid == NOBODY || plan->gid == NOBODY',
    replace: 'plan->uid == NOBODY && plan->gid == NOBODY',
    tests: [enter],
    grep: 'refuses a plan for nobody',
  },
];
