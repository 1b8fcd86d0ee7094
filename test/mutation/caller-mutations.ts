import type { Mutation } from './mutation.ts';

const callers = 'test/integration/launch/callers.test.ts';
const server = 'test/integration/launch/launch-server.test.ts';
const stubSettings = 'test/integration/launch/stub-settings.test.ts';

/** Of who may call. */
export const callerMutations: readonly Mutation[] = [
  {
    name: 'callers-are-who-they-act-as',
    rows: ['AT-13', 'AT-16'],
    file: 'daemon/launch/caller.ts',
    search: 'uid: status.uid.real,',
    replace: 'uid: status.uid.effective,',
    tests: [server],
    grep: 'by its real user',
  },
  {
    name: 'callers-of-any-uid',
    rows: ['AT-13'],
    file: 'daemon/launch/launch-server.ts',
    search: '!this.#options.allowedUids.has(caller.credentials.uid)',
    replace: 'this.#options.allowedUids.has(-1)',
    tests: [server],
    grep: 'refuses who is not allowed',
  },
  {
    name: 'callers-of-any-user-namespace',
    rows: ['AT-13'],
    file: 'daemon/launch/caller.ts',
    search: "  if (namespace === fs.readlinkSync('/proc/self/ns/user')) return;",
    replace: "  if (namespace !== '') return;",
    tests: ['test/integration/launch/host-proc.test.ts'],
    grep: 'in a user namespace of its own',
  },
  {
    name: 'connections-can-be-inherited',
    rows: ['AT-16'],
    file: 'daemon/launch/caller.ts',
    search: '  if (stat === null || hasEnded(stat)) throw gone();',
    replace: '  if (stat !== null && hasEnded(stat) && process.pid < 0) throw gone();',
    tests: [callers],
    grep: 'who inherited its connection after that',
  },
  {
    name: 'callers-are-found-by-pid',
    rows: ['AT-9'],
    file: 'daemon/launch/caller.ts',
    search: '    return PinnedProcess.adopt(libc, proc, pid, libc.peerPidfd(socket));',
    replace:
      '    return socket < 0 ? PinnedProcess.adopt(libc, proc, pid, 0) : PinnedProcess.open(libc, proc, pid);',
    tests: [callers],
    grep: 'has its pid since',
  },
  {
    name: 'stubs-of-any-profile',
    rows: ['AT-16'],
    file: 'daemon/launch/stub-settings.ts',
    search: '    if (settings.launchUids.has(credentials.uid)) return settings;',
    replace: '    if (settings.launchUids.size > 0) return settings;',
    tests: [stubSettings],
    grep: 'refuses users by the profile',
  },
  {
    name: 'stubs-that-were-replaced',
    rows: [],
    file: 'daemon/launch/stub-settings.ts',
    search: '    if (links === 0 && ',
    replace: '    if (links < 0 && ',
    tests: [stubSettings],
    grep: 'refuses a stub that was replaced',
  },
];
