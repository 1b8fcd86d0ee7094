import type { Mutation } from './mutation.ts';

const refusals = 'test/e2e/refusals.test.ts';
const identity = 'test/unit/target/cgroup-identity.test.ts';
const pinned = 'test/integration/host/pinned-process.test.ts';
const plan = 'test/unit/launch/plan-launch.test.ts';

/** Of the process that is taken for the VM's pod: that it is one, that it is still the same, and that it is the only one. */
export const targetMutations: readonly Mutation[] = [
  {
    name: 'pinned-processes-are-read-by-pid',
    rows: ['NS-2', 'AT-9'],
    file: 'daemon/host/pinned-process.ts',
    search: '    return this.#libc.readAt(this.directory, file);',
    replace: "    return this.#libc.readProc(`/proc/${this.directory < 0 ? '' : this.pid}/${file}`);",
    tests: [pinned],
    grep: 'never reads a process that has got the pid',
  },
  {
    name: 'pinned-links-are-read-by-pid',
    rows: ['NS-2', 'AT-9'],
    file: 'daemon/host/pinned-process.ts',
    search: '    return this.#libc.readLinkAt(this.directory, name);',
    replace: "    return fs.readlinkSync(`/proc/${this.directory < 0 ? '' : this.pid}/${name}`);",
    tests: [pinned],
    grep: 'never reads a process that has got the pid',
  },
  {
    name: 'pidfds-of-other-processes',
    rows: ['NS-2', 'AT-9'],
    file: 'daemon/host/pinned-process.ts',
    search:
      '      // Alive after the directory was opened: the pid was not reused in between, so both are the same process.\n      process.assertAlive();\n',
    replace: '',
    tests: [pinned],
    grep: 'takes no directory of another process',
  },
  {
    name: 'processes-by-pid-and-time-alone',
    rows: ['SV-12'],
    file: 'daemon/host/pinned-process.ts',
    search: 'identity.inode === undefined || own.inode === identity.inode;',
    replace: 'identity.inode === undefined || own.inode !== -1;',
    tests: [pinned],
    grep: 'no process for another that has its pid and its start time',
  },
  {
    name: 'file-systems-of-callers-are-waited-for',
    rows: ['AT-18'],
    file: 'daemon/host/libc/file-calls.ts',
    search: 'const AT_STATX_DONT_SYNC = 0x4000;',
    replace: 'const AT_STATX_DONT_SYNC = 0;',
    tests: ['test/integration/profiles/stub-profiles.test.ts'],
    grep: 'a file system that does not answer',
  },
  {
    name: 'launchers-end-while-they-are-read',
    rows: ['AT-9', 'NS-1'],
    file: 'daemon/launch/target-authorizer.ts',
    search: `      // The reading took time: what was read must still be the file of that very process.
      if (!launcher.isAlive()) return launcherEnded(target.pid);
`,
    replace: '',
    tests: ['test/hostile/pid-reuse.test.ts'],
    grep: 'pinned after its secret was read',
  },
  {
    name: 'first-pod-with-the-secret-wins',
    rows: ['AT-2'],
    file: 'daemon/launch/target-authorizer.ts',
    search: '    if (match !== undefined && matches.length === 1) return match;',
    replace: '    if (match !== undefined) return match;',
    tests: [refusals],
    grep: 'of which both hold its secret',
  },
  {
    name: 'deleted-cgroups-count',
    rows: ['AT-7'],
    file: 'daemon/target/cgroup-identity.ts',
    search:
      "  if (memberships.some(({ path }) => path.endsWith(' (deleted)'))) return { reject: 'deleted' };\n",
    replace: '',
    tests: [identity],
    grep: 'deleted',
  },
  {
    name: 'first-cgroup-decides',
    rows: ['AT-7'],
    file: 'daemon/target/cgroup-identity.ts',
    search: '  if (others.some((other)',
    replace: '  if (others.length > 99 && others.some((other)',
    tests: [identity],
  },
  {
    name: 'launchers-outside-of-pods',
    rows: [],
    file: 'daemon/launch/verify-candidate.ts',
    search: 'context.requirePod && identity.podUid === null)',
    replace: "context.requirePod && identity.podUid === '')",
    tests: ['test/integration/launch/runtimes.test.ts'],
    grep: 'without Kubernetes is refused by default',
  },
  {
    name: 'pods-may-trace',
    rows: ['AT-10', 'NS-9'],
    file: 'daemon/launch/plan-launch.ts',
    search: "  if (!policy.namespaces.includes('pid') || !canTrace) return;",
    replace: "  if (!policy.namespaces.includes('pid') || !canTrace || policy.emulator !== '') return;",
    tests: [plan],
    grep: 'refuses the PID namespace of a pod that may trace',
  },
  {
    name: 'nobody-looks-who-may-trace',
    rows: ['AT-10', 'NS-9'],
    file: 'daemon/target/can-trace.ts',
    search: '((bounding >> CAP_SYS_PTRACE) & 1n) === 1n',
    replace: '((bounding >> CAP_SYS_PTRACE) & 1n) === 2n',
    tests: ['test/integration/launch/pid-namespace.test.ts'],
    grep: 'is refused where the container has CAP_SYS_PTRACE',
  },
  {
    name: 'a-vm-runs-twice-in-its-pod',
    rows: [],
    file: 'daemon/launch/already-running.ts',
    search: 'registry.findLive(vmUuid, podUid) ?? (comesIn',
    replace: '(comesIn',
    tests: [refusals],
    grep: 'a pod in which its last QEMU still runs',
  },
  {
    name: 'a-vm-runs-in-two-pods',
    rows: [],
    file: 'daemon/launch/already-running.ts',
    search: '(comesIn ? undefined : registry',
    replace: "(comesIn || vmUuid !== '' ? undefined : registry",
    tests: [refusals],
    grep: 'unless it waits there for the guest to come',
  },
];
