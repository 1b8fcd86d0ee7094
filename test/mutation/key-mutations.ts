import type { Mutation } from './mutation.ts';

const keyRing = 'test/integration/secret/key-ring.test.ts';
const opener = 'test/unit/secret/secret-opener.test.ts';

/** Of the keys that secrets are sealed for. No entry of the checklists is about them. */
export const keyMutations: readonly Mutation[] = [
  {
    name: 'keys-open-another-hash',
    rows: [],
    file: 'daemon/secret/private-key.ts',
    search: "hash: 'SHA-256' }",
    replace: "hash: 'SHA-1' }",
    tests: [opener],
    grep: 'finds fault with rsa: OAEP with SHA-1',
  },
  {
    name: 'keys-can-be-taken-out',
    rows: [],
    file: 'daemon/secret/private-key.ts',
    search: "false, ['decrypt'])",
    replace: "true, ['decrypt'])",
    tests: [opener],
    grep: 'gives no key away',
  },
  {
    name: 'anybody-reads-a-key',
    rows: [],
    file: 'daemon/secret/private-key-file.ts',
    search: '  if ((info.mode & othersMay) !== 0)',
    replace: '  if ((info.mode & othersMay & othersMayWrite) !== 0)',
    tests: [keyRing],
    grep: 'refuses a file of mode 640',
  },
  {
    name: 'anybody-owns-a-key',
    rows: [],
    file: 'daemon/secret/private-key-file.ts',
    search: '  if (!isTrusted(info.uid))',
    replace: '  if (!isTrusted(info.uid) && !info.isFile())',
    tests: [keyRing],
    grep: 'refuses a file of another user',
  },
  {
    name: 'a-key-is-named-by-anybody',
    rows: [],
    file: 'daemon/secret/private-key-file.ts',
    search: '    checkParents(file, path.dirname(path.resolve(file)));\n',
    replace: '',
    tests: [keyRing],
    grep: 'a symlink out of a directory',
  },
  {
    name: 'a-key-lies-where-anybody-writes',
    rows: [],
    file: 'daemon/secret/private-key-file.ts',
    search: '    checkParents(file, path.dirname(fs.realpathSync(file)));\n',
    replace: '',
    tests: [keyRing],
    grep: 'a symlink into a directory',
  },
  {
    name: 'a-key-lies-at-anybodys',
    rows: [],
    file: 'daemon/secret/private-key-file.ts',
    search: '    if (!isTrusted(uid) || ((mode',
    replace: '    if (((mode',
    tests: [keyRing],
    grep: 'a directory of another user',
  },
  {
    name: 'keys-of-any-length',
    rows: [],
    file: 'daemon/secret/private-key-file.ts',
    search: "asymmetricKeyType !== 'rsa' || modulusLength < smallestModulus ||",
    replace: "asymmetricKeyType !== 'rsa' ||",
    tests: [keyRing],
    grep: 'a key of 1024 bits',
  },
];
