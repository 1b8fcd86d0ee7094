import type { Mutation } from './mutation.ts';

const secret = 'test/unit/secret/secret.test.ts';
const lifetime = 'test/unit/secret/secret-lifetime.test.ts';
const opener = 'test/unit/secret/secret-opener.test.ts';

/** Of secrets, and how long they count. Most are for no entry of the checklists. */
export const secretMutations: readonly Mutation[] = [
  {
    name: 'secrets-print',
    rows: [],
    file: 'daemon/secret/secret.ts',
    search: '  toString(): string {\n    return redacted;',
    replace: "  toString(): string {\n    return this.#bytes.toString('latin1');",
    tests: [secret],
    grep: 'does not show itself in String',
  },
  {
    name: 'secrets-are-json',
    rows: [],
    file: 'daemon/secret/secret.ts',
    search: '  toJSON(): string {\n    return redacted;',
    replace: "  toJSON(): string {\n    return this.#bytes.toString('latin1');",
    tests: [secret],
    grep: 'does not show itself in JSON',
  },
  {
    name: 'secrets-can-be-inspected',
    rows: [],
    file: 'daemon/secret/secret.ts',
    search: '  [inspect.custom](): string {\n    return redacted;',
    replace: "  [inspect.custom](): string {\n    return this.#bytes.toString('latin1');",
    tests: [secret],
    grep: 'does not show itself in inspect',
  },
  {
    name: 'no-secret-is-equal-to-none',
    rows: ['AT-3'],
    file: 'daemon/secret/compare-secrets.ts',
    search: '  return equal && !expected.isEmpty;',
    replace: '  return equal;',
    tests: [secret],
    grep: 'compareSecrets says false for "" and ""',
  },
  {
    name: 'domains-show-an-empty-secret',
    rows: [],
    file: 'daemon/launch/request-identity.ts',
    search: '  return secret.isEmpty ? null : secret;',
    replace: '  return text === null ? null : secret;',
    tests: ['test/unit/launch/request-identity.test.ts'],
    grep: 'a secret that is not given or empty',
  },
  {
    name: 'pods-hold-an-empty-secret',
    rows: [],
    file: 'daemon/secret/pod-secret-reader.ts',
    search: '    if (secret.isEmpty) throw',
    replace: '    if (secret.isEmpty && bytes === null) throw',
    tests: ['test/e2e/refusals.test.ts'],
    grep: 'an empty file as secret',
  },
  {
    name: 'secrets-outlive-their-lifetime',
    rows: [],
    file: 'daemon/secret/secret-lifetime.ts',
    search: '  if (age >= input.lifetime)',
    replace: '  if (age >= 1e6 * input.lifetime)',
    tests: [lifetime],
    grep: 'refuses an age of exactly the lifetime',
  },
  {
    name: 'secrets-outlive-their-expiry',
    rows: [],
    file: 'daemon/secret/secret-lifetime.ts',
    search: '  if (input.now >= validUntil.getTime())',
    replace: '  if (input.now >= 2 * validUntil.getTime())',
    tests: [lifetime],
    grep: 'refuses the moment of expires-at',
  },
  {
    name: 'any-form-will-do',
    rows: [],
    file: 'daemon/secret/secret-opener.ts',
    search: '    if (!this.#forms.has(form))',
    replace: "    if (this.#forms.size === 0 && form !== 'plain')",
    tests: [opener],
    grep: 'each form that is not accepted',
  },
];
