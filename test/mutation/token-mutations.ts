import type { Mutation } from './mutation.ts';

const claims = 'test/unit/secret/token-claims.test.ts';
const judge = 'test/unit/secret/judge-secret.test.ts';

/** Of secrets that come sealed: whom a token is for, and until when. */
export const tokenMutations: readonly Mutation[] = [
  {
    name: 'sealed-for-any-vm',
    rows: ['AT-2'],
    file: 'daemon/secret/check-claims.ts',
    search: `  if (claims.vmUuid !== situation.vmUuid) return 'its claim "sub" is not the uuid of this VM';\n`,
    replace: '',
    tests: [claims],
    grep: 'refuses a token for another VM',
  },
  {
    name: 'sealed-for-any-pod',
    rows: ['AT-2'],
    file: 'daemon/secret/check-claims.ts',
    search: `  if (claims.podUid !== situation.podUid) return 'its claim "pod" is not the UID of this pod';\n`,
    replace: '',
    tests: [claims],
    grep: 'refuses a token for another pod',
  },
  {
    name: 'sealed-in-the-future',
    rows: [],
    file: 'daemon/secret/check-claims.ts',
    search: `  if (claims.notBefore > now + CLOCK_SKEW_MS) return 'its claim "iat" or "nbf" is in the future';\n`,
    replace: '',
    tests: [claims],
    grep: 'a clock that is 31 s behind',
  },
  {
    name: 'sealed-for-ever',
    rows: ['AT-2'],
    file: 'daemon/secret/check-claims.ts',
    search: '  if (claims.expiresAt > now + longestLifetime + CLOCK_SKEW_MS)',
    replace: '  if (claims.expiresAt > now + 1e6 * longestLifetime + CLOCK_SKEW_MS)',
    tests: [claims],
    grep: 'lets tokens live for 29 s',
  },
  {
    name: 'expired-tokens-count',
    rows: ['AT-2'],
    file: 'daemon/secret/judge-secret.ts',
    search: '  if (secretCase.now >= claims.expiresAt)',
    replace: '  if (secretCase.now >= 2 * claims.expiresAt)',
    tests: [judge],
    grep: 'tells who shows the secret in a token',
  },
  {
    name: 'replays-count',
    rows: ['AT-2'],
    file: 'daemon/secret/judge-secret.ts',
    search: '  return isUsedElsewhere(claims) ? replayDetail : null;',
    replace: "  return claims.id === '' && isUsedElsewhere(claims) ? replayDetail : null;",
    tests: [judge],
    grep: 'refuses a replay',
  },
  {
    name: 'claims-of-any-kind',
    rows: [],
    file: 'daemon/secret/parse-strictly.ts',
    search: '  if (unknown !== undefined)',
    replace: "  if (unknown === '')",
    tests: [claims],
    grep: 'refuses a claim that is not known',
  },
  {
    name: 'wrong-secrets-tell-by-their-time',
    rows: [],
    file: 'daemon/launch/target-authorizer.ts',
    search: '    if (isWrongSecret) await',
    replace: '    if (isWrongSecret && begin < 0) await',
    tests: ['test/integration/secret/uniform-refusals.test.ts'],
    grep: 'the same answer in the same time',
  },
];
