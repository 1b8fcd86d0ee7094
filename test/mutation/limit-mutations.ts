import type { Mutation } from './mutation.ts';

const callers = 'test/integration/launch/callers.test.ts';
const server = 'test/integration/launch/launch-server.test.ts';
const limits = 'test/unit/launch/launch-limits.test.ts';

/** Of how much one caller may ask. */
export const limitMutations: readonly Mutation[] = [
  {
    name: 'unfinished-requests-without-number',
    rows: ['AT-14'],
    file: 'daemon/launch/launch-limits.ts',
    search: 'origin.unfinished.size >= perOrigin)',
    replace: 'origin.unfinished.size >= 1000 * perOrigin)',
    tests: [limits],
    grep: 'ends the oldest unfinished request',
  },
  {
    name: 'undecided-requests-without-number',
    rows: ['AT-14'],
    file: 'daemon/launch/launch-limits.ts',
    search: 'this.#origin.finished > perOrigin)',
    replace: 'this.#origin.finished > 1000 * perOrigin)',
    tests: [limits],
    grep: 'have more decided on than it may',
  },
  {
    name: 'callers-call-at-any-rate',
    rows: ['AT-14'],
    file: 'daemon/launch/launch-limits.ts',
    search: '    if (origin.connections?.take() === false)',
    replace: "    if (origin.connections?.take() === false && key === '')",
    tests: [limits],
    grep: 'call no oftener than it may',
  },
  {
    name: 'large-requests-without-number',
    rows: ['AT-14'],
    file: 'daemon/launch/launch-limits.ts',
    search: '    if (large > 0 && !origin.bytes.take(large))',
    replace: '    if (large < 0 && !origin.bytes.take(large))',
    tests: [limits],
    grep: 'no more large requests than it may',
  },
  {
    name: 'requests-hold-any-memory',
    rows: ['AT-14'],
    file: 'daemon/launch/launch-limits.ts',
    search: '    if (origin.pending <= MAX_PENDING_BYTES) return;',
    replace: '    if (origin.pending <= 1000 * MAX_PENDING_BYTES) return;',
    tests: [limits],
    grep: 'ends the largest unfinished request',
  },
  {
    name: 'one-process-calls-again-and-again',
    rows: ['AT-14', 'SU-17'],
    file: 'daemon/launch/launch-limits.ts',
    search: '    return calls > MAX_CALLS;',
    replace: '    return calls > 1000 * MAX_CALLS;',
    tests: [limits],
    grep: 'calls again and again',
  },
  {
    name: 'slow-requests-are-waited-for',
    rows: ['AT-14'],
    file: 'daemon/launch/launch-server.ts',
    search: 'setTimeout(() => refuse(tooSlow()), requestDeadlineMs);',
    replace: 'setTimeout(() => refuse(tooSlow()), 1000 * requestDeadlineMs);',
    tests: [server],
    grep: 'refuses a slow client',
  },
  {
    name: 'slow-requests-have-an-hour',
    rows: ['AT-14'],
    file: 'daemon/node-launches.ts',
    search: 'const REQUEST_DEADLINE_MS = 2000;',
    replace: 'const REQUEST_DEADLINE_MS = 3_600_000;',
    tests: [callers],
    grep: 'who asks for nothing',
  },
  {
    name: 'wrong-secrets-without-number',
    rows: ['AT-14', 'AT-16'],
    file: 'daemon/launch/secret-tries.ts',
    search: '    if (!bucket.take()) throw tooMany();',
    replace: "    if (!bucket.take() && key === '') throw tooMany();",
    tests: ['test/unit/launch/secret-tries.test.ts'],
    grep: 'lets five wrong ones through',
  },
];
