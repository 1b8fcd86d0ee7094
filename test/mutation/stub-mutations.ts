import type { Mutation } from './mutation.ts';

const request = 'test/hostile/stub-request.test.ts';

/** Of the stub, and of what others hear from it. */
export const stubMutations: readonly Mutation[] = [
  {
    name: 'stub-runs-without-a-name',
    rows: ['SU-1'],
    file: 'stub/caller.c',
    search: '  if (argc < 1 || argv[0] == NULL)',
    replace: '  if (argc < 0)',
    tests: ['test/integration/stub/refusals.test.ts'],
    grep: 'qemu-kube that .* with an argc of 0',
  },
  {
    name: 'stub-sends-as-root',
    rows: ['SU-8', 'SU-9'],
    file: 'stub/stub.c',
    search: '  drop_privileges();\n  prctl(',
    replace: '  prctl(',
    tests: [request],
    grep: 'securebits \\+noroot,\\+no_setuid_fixup',
  },
  {
    name: 'stub-shows-its-secret',
    rows: ['SU-16'],
    file: 'stub/stub.c',
    search: `  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* without the setuid bit, others of this uid could read the secret */
  list_inherited_fds();
  int64_t deadline = now_ms() + DEADLINE_MS;
  int fd = connect_to_daemon();
  drop_privileges();
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a change of ids may set it, as fs.suid_dumpable says */`,
    replace: `  list_inherited_fds();
  int64_t deadline = now_ms() + DEADLINE_MS;
  int fd = connect_to_daemon();
  drop_privileges();`,
    tests: [request],
    grep: 'shows its secret to nobody .* without setuid',
  },
  {
    name: 'stub-believes-the-length-of-a-refusal',
    rows: ['SU-14'],
    file: 'stub/request.c',
    search: '  if (length > WIRE_MAX_TEXT || recv_all',
    replace: '  if (recv_all',
    tests: ['test/integration/stub/refusals.test.ts'],
    grep: 'qemu-kube that .* a refusal of 1025 bytes',
  },
  {
    name: 'shim-forwards-any-signal',
    rows: ['SU-14'],
    file: 'stub/shim.c',
    search: '  return number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT;',
    replace: '  return number > 0 && number < NSIG;',
    tests: ['test/hostile/fuzz-smoke.test.ts'],
    grep: 'shim-messages: every property holds',
  },
  {
    name: 'child-passes-paths',
    rows: ['NS-12', 'AT-12'],
    file: 'stub/fd-kind.c',
    search: '  if ((flags & O_PATH) != 0)',
    replace: '  if ((flags & O_PATH) != 0 && number < 0)',
    tests: ['test/integration/launch/hand-off.test.ts'],
    grep: 'fork mode no O_PATH fd',
  },
];
