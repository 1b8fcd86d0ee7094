import type { Mutation } from './mutation.ts';

const book = 'test/unit/secret/jti-book.test.ts';
const ledger = 'test/integration/secret/token-ledger.test.ts';

/** Of the tokens that were used: nobody else uses them again. */
export const ledgerMutations: readonly Mutation[] = [
  {
    name: 'used-tokens-are-anybodys',
    rows: ['AT-2'],
    file: 'daemon/secret/jti-book.ts',
    search: "    if (used !== undefined && used.owner !== use.owner) return 'elsewhere';\n",
    replace: '',
    tests: [book],
    grep: 'never gives a token to a second owner',
  },
  {
    name: 'used-tokens-are-not-foreign',
    rows: ['AT-2'],
    file: 'daemon/secret/jti-book.ts',
    search: '    return used !== undefined && used.owner !== owner;',
    replace: "    return used !== undefined && used.owner !== owner && owner === '';",
    tests: [book],
    grep: 'gives a token to the first',
  },
  {
    name: 'used-tokens-change-hands',
    rows: ['AT-2'],
    file: 'daemon/secret/jti-book.ts',
    search: '(used.owner !== use.owner || used.expiresAt >= use.expiresAt)',
    replace: 'used.expiresAt >= use.expiresAt',
    tests: [book],
    grep: 'never gives a token to a second owner',
  },
  {
    name: 'used-tokens-are-forgotten-early',
    rows: ['AT-2'],
    file: 'daemon/secret/jti-book.ts',
    search: '      if (use.expiresAt + this.#options.keepMs > now) continue;',
    replace: '      if (use.expiresAt > now) continue;',
    tests: [book],
    grep: 'some time after it expired',
  },
  {
    name: 'one-owner-fills-the-book',
    rows: ['AT-14'],
    file: 'daemon/secret/jti-book.ts',
    search: "    return this.#countOf(use) >= ownerCapacity ? 'owner-full' : 'new';",
    replace: "    return 'new';",
    tests: [book],
    grep: 'no more of one owner',
  },
  {
    name: 'ledger-begins-anew',
    rows: ['AT-2'],
    file: 'daemon/secret/token-ledger.ts',
    search: 'for (const use of readUses(file)) book.add(use);',
    replace: "for (const use of readUses(file)) if (use.id === '') book.add(use);",
    tests: [ledger],
    grep: 'also after a restart',
  },
  {
    name: 'ledger-of-two-daemons',
    rows: ['AT-2'],
    file: 'daemon/secret/token-ledger.ts',
    search: '      lockDirectory(directory, directoryFd, lock);',
    replace: "      if (directory === '') lockDirectory(directory, directoryFd, lock);",
    tests: [ledger],
    grep: 'lets no second process have it',
  },
  {
    name: 'ledger-takes-claims-side-by-side',
    rows: ['AT-2'],
    file: 'daemon/secret/token-ledger.ts',
    search: 'this.#last.then(() => this.#claim(use));',
    replace: 'this.#claim(use);',
    tests: [ledger],
    grep: 'one of a hundred who claim it at once',
  },
  {
    name: 'ledger-is-kept-in-memory',
    rows: ['AT-2'],
    file: 'daemon/secret/token-ledger.ts',
    search: '      await this.#append(encodeUse(use));',
    replace: "      if (use.id === '') await this.#append(encodeUse(use));",
    tests: [ledger],
    grep: 'on disk when it is granted',
  },
];
