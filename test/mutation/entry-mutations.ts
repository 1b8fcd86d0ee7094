import type { Mutation } from './mutation.ts';

const handOff = 'test/integration/launch/hand-off.test.ts';
const cgroups = 'test/hostile/entry-cgroups.test.ts';
const unified = 'test/hostile/entry-unified.test.ts';
const fileSystems = 'test/hostile/entry-file-systems.test.ts';
const root = 'test/hostile/entry-root.test.ts';

/** Those of the way into the pod: the rows NS. */
export const entryMutations: readonly Mutation[] = [
  {
    name: 'daemon-signals-by-pid',
    rows: ['NS-2'],
    file: 'daemon/host/pinned-process.ts',
    search: '      this.#libc.signal(this.pidfd, number);',
    replace: '      process.kill(this.pid, number);',
    tests: ['test/hostile/pid-reuse.test.ts'],
    grep: 'when it is signalled: the other process gets nothing',
  },
  {
    name: 'daemon-forgets-a-namespace',
    rows: ['NS-3'],
    file: 'daemon/launch/plan-launch.ts',
    search: '  return kinds.map((kind) => {',
    replace: "  return kinds.filter((kind) => kind !== 'uts').map((kind) => {",
    tests: ['test/e2e/placement.test.ts'],
    grep: "fork mode in a pod with a read-only root and no mount point shares the pod's net",
  },
  {
    name: 'shim-stays-with-the-daemon',
    rows: ['NS-4', 'SV-2'],
    file: 'stub/shim-start.c',
    search: '!= 0 && join_cgroup_at(plan.shim_cgroups[i]) < 0)',
    replace: '!= 0 && plan.uid == 0 && join_cgroup_at(plan.shim_cgroups[i]) < 0)',
    tests: [cgroups],
    grep: "fork mode are the launcher's, or were never the daemon's, at child-born",
  },
  {
    name: 'child-leaves-its-memory-behind',
    rows: ['NS-5'],
    file: 'stub/shim-child.c',
    search: '    if (child->is_born_inside && i == child->unified_index) {',
    replace:
      '    if ((child->is_born_inside && i == child->unified_index) ||\n        strstr(child->entry.plan->cgroups[i], "/memory/") != NULL) {',
    tests: ['test/hostile/entry-memory.test.ts'],
    grep: 'fork mode is charged to the pod',
  },
  {
    name: 'child-goes-on-outside-of-a-cgroup',
    rows: ['NS-6'],
    file: 'stub/cgroup-birth.c',
    search: '    if (failure != EINVAL || attempt == 5)',
    replace:
      '    if (failure == EBUSY || failure == EOPNOTSUPP)\n      failure = 0;\n    if (failure != EINVAL || attempt == 5)',
    tests: [unified],
    grep: 'is told when its cgroup has got controllers',
  },
  {
    name: 'child-gives-a-cgroup-up-at-once',
    rows: ['NS-8'],
    file: 'stub/cgroup-birth.c',
    search: '    if (failure != EINVAL || attempt == 5)',
    replace: '    if (attempt >= 0)',
    tests: [cgroups],
    grep: 'are joined though the kernel says EINVAL',
  },
  {
    name: 'shim-can-be-written-to',
    rows: ['NS-10'],
    file: 'stub/sealed-copy.c',
    search: 'F_SEAL_GROW | F_SEAL_WRITE) < 0)',
    replace: 'F_SEAL_GROW) < 0)',
    tests: ['test/hostile/shim-image.test.ts'],
    grep: 'cannot be changed by root of the node',
  },
  {
    name: 'child-keeps-copies-of-fds',
    rows: ['NS-11', 'AT-12'],
    file: 'stub/shim-child.c',
    search: `    if ((above[i] = fcntl(passed->fd[i], F_DUPFD_CLOEXEC, floor)) < 0)
      return fail(failure, FAIL_FDS, errno, "numbers up to %d", floor);
  for (int fd = 0; fd < floor; fd++)
    close(fd);
  for (uint32_t i = 0; i < passed->count; i++)
    if (dup2(above[i], passed->number[i]) < 0)
      return fail(failure, FAIL_FDS, errno, "number %d", passed->number[i]);
  for (uint32_t i = 0; i < passed->count; i++)
    close(above[i]);
  /* All that is left above is close-on-exec; what is not named is closed all the same. */
  close_fds(floor, (unsigned)*status - 1);
  close_fds(*status + 1, ~0U);`,
    replace: `    if ((above[i] = fcntl(passed->fd[i], F_DUPFD, floor)) < 0)
      return fail(failure, FAIL_FDS, errno, "numbers up to %d", floor);
  for (int fd = 0; fd < floor; fd++)
    close(fd);
  for (uint32_t i = 0; i < passed->count; i++)
    if (dup2(above[i], passed->number[i]) < 0)
      return fail(failure, FAIL_FDS, errno, "number %d", passed->number[i]);`,
    tests: [handOff],
    grep: 'fork mode 1 fds|fork mode 250 fds',
  },
  {
    name: 'child-passes-directories',
    rows: ['NS-12'],
    file: 'stub/fd-kind.c',
    search: '  if (S_ISDIR(info.st_mode))',
    replace: '  if (S_ISDIR(info.st_mode) && number < 0)',
    tests: [handOff],
    grep: 'fork mode no directory',
  },
  {
    name: 'child-keeps-any-directory',
    rows: ['NS-13'],
    file: 'stub/entry.c',
    search: "  if (syscall(SYS_getcwd, path, sizeof path) < 0 || path[0] != '/')",
    replace: '  if (syscall(SYS_getcwd, path, sizeof path) < 0)',
    tests: [root],
    grep: 'exec mode with .* is never what an fd leads to',
  },
  {
    name: 'child-keeps-the-bounding-set',
    rows: ['NS-14'],
    file: 'stub/identity.c',
    search: '    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)',
    replace: '    if (capability > 99)',
    tests: [handOff],
    grep: 'fork mode the ids of the caller',
  },
  {
    name: 'daemon-takes-nested-namespaces',
    rows: ['NS-16'],
    file: 'daemon/target/differing-namespaces.ts',
    search: '(kind) => target[kind] !== init[kind]',
    replace: "(kind) => kind === 'pid' && target[kind] !== init[kind]",
    tests: ['test/e2e/refusals.test.ts'],
    grep: 'a launcher that made namespaces of its own',
  },
  {
    name: 'child-enters-without-its-root',
    rows: ['NS-17'],
    file: 'stub/entry.c',
    search: '  if (chroot(".") < 0)',
    replace: '  if (chroot("/") < 0)',
    tests: [root],
    grep: 'fork mode has its emulator and its secret',
  },
  {
    name: 'child-has-no-umask',
    rows: ['NS-18'],
    file: 'stub/entry.c',
    search: '  umask((mode_t)plan->umask);\n',
    replace: '',
    tests: [handOff],
    grep: "fork mode the caller's umask",
  },
  {
    name: 'child-believes-any-proc',
    rows: ['NS-20'],
    file: 'stub/own-proc.c',
    search: 'info.f_type == PROC_SUPER_MAGIC)',
    replace: 'info.f_type != PROC_SUPER_MAGIC + 1)',
    tests: [fileSystems],
    grep: 'exec mode deceives nobody nor does a libvirt',
  },
  {
    name: 'child-writes-after-it-entered',
    rows: ['NS-20', 'NS-21'],
    file: 'stub/entry.c',
    search: `  if (set_oom_score(plan, failure) < 0 || security_label_take(&entry->label, failure) < 0)
    return -1;
  /* From here on nobody in the pod may trace this process or look into it. */
  if (hide_process(failure) < 0 || leave_keyring(entry, failure) < 0)
    return -1;
  reset_signals();
  raise_hard_limits(plan);
  umask(0);
  if (enter_namespaces(entry, failure) < 0)
    return -1;`,
    replace: `  if (hide_process(failure) < 0 || leave_keyring(entry, failure) < 0)
    return -1;
  reset_signals();
  raise_hard_limits(plan);
  umask(0);
  if (enter_namespaces(entry, failure) < 0)
    return -1;
  if (set_oom_score(plan, failure) < 0 || security_label_take(&entry->label, failure) < 0)
    return -1;`,
    tests: [fileSystems],
    grep: 'fork mode deceives nobody by a tmpfs|fork mode that lacks something starts its VM without /proc',
  },
  {
    name: 'child-shares-its-mounts',
    rows: ['NS-22'],
    file: 'stub/entry.c',
    search: 'MS_REC | MS_SLAVE, NULL)',
    replace: 'MS_REC | MS_SHARED, NULL)',
    tests: [fileSystems],
    grep: 'fork mode leaves no mount behind where the root is read-only',
  },
  {
    name: 'child-has-no-session',
    rows: ['NS-23'],
    file: 'stub/shim-child.c',
    search: '  setsid();\n  scheduling_take',
    replace: '  scheduling_take',
    tests: [handOff],
    grep: 'fork mode the ids of the caller',
  },
  {
    name: 'broker-needs-openat2',
    rows: ['NS-24'],
    file: 'stub/open-in-root.c',
    search: '  return fd < 0 && errno == ENOSYS ?',
    replace: '  return fd < 0 && errno == ENOTTY ?',
    tests: ['test/hostile/entry-old-kernel.test.ts'],
    grep: 'fork mode where .* ENOSYS the emulator starts',
  },
  {
    name: 'child-outlives-the-shim',
    rows: ['NS-25'],
    file: 'stub/shim-child.c',
    search: '  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || poll(&reader, 1, 0) < 0)',
    replace: '  if (poll(&reader, 1, 0) < 0)',
    tests: ['test/integration/launch/life.test.ts'],
    grep: 'takes the emulator along while no daemon runs',
  },
];
