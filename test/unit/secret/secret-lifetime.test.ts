import { expect } from 'chai';
import { checkSecretLifetime } from '../../../daemon/secret/secret-lifetime.ts';
import type { SecretLifetimeInput } from '../../../daemon/secret/secret-lifetime.ts';
import { refusalOf } from '../launch/code-of.ts';

const minute = 60_000;
const now = Date.UTC(2030, 0, 31, 12);
const input: SecretLifetimeInput = {
  secretFile: '/s/secret',
  expiresAtFile: '/s/expires-at',
  expiresAt: null,
  now,
  containerAge: 4 * minute,
  lifetime: 10 * minute,
};

describe('checkSecretLifetime', () => {
  const valid: readonly [string, Partial<SecretLifetimeInput>, string][] = [
    ['the rest of the lifetime', {}, '2030-01-31T12:06:00.000Z'],
    ['the last millisecond of the lifetime', { containerAge: 10 * minute - 1 }, '2030-01-31T12:00:00.001Z'],
    [
      'the whole lifetime for a container from the future',
      { containerAge: -minute },
      '2030-01-31T12:10:00.000Z',
    ],
    ['until expires-at', { expiresAt: '2030-01-31T12:00:01Z' }, '2030-01-31T12:00:01.000Z'],
    ['until expires-at with a newline', { expiresAt: '2030-01-31T12:00:01Z\n' }, '2030-01-31T12:00:01.000Z'],
    [
      'until expires-at, however old the container',
      { expiresAt: '2030-02-01T00:00:00+01:00', containerAge: 1e9 },
      '2030-01-31T23:00:00.000Z',
    ],
  ];
  for (const [what, changes, until] of valid)
    it(`accepts ${what}`, () => {
      const result = checkSecretLifetime({ ...input, ...changes });
      expect(result).to.deep.equal({ valid: true, validUntil: new Date(until) });
    });

  const refused: readonly [string, Partial<SecretLifetimeInput>, string, readonly string[]][] = [
    [
      'an age of exactly the lifetime',
      { containerAge: 10 * minute },
      'secret-expired',
      ['10 min ago', '/s/secret', '/s/expires-at', 'secret-lifetime'],
    ],
    [
      'an age above the lifetime',
      { containerAge: 723_000 },
      'secret-expired',
      ['12 min 3 s ago', 'counts for 10 min'],
    ],
    [
      'the moment of expires-at',
      { expiresAt: '2030-01-31T12:00:00Z' },
      'secret-expired',
      ['2030-01-31T12:00:00.000Z', '/s/expires-at'],
    ],
    [
      'expires-at in the past, however young the container',
      { expiresAt: '2030-01-31T11:00:00Z', containerAge: 0 },
      'secret-expired',
      ['1 h ago'],
    ],
    [
      'an expires-at that is no time',
      { expiresAt: 'tomorrow' },
      'secret-file',
      ['/s/expires-at', 'RFC 3339'],
    ],
    ['an empty expires-at', { expiresAt: '' }, 'secret-file', ['/s/expires-at']],
    ['an expires-at with two newlines', { expiresAt: '2031-01-31T12:00:00Z\n\n' }, 'secret-file', []],
  ];
  for (const [what, changes, code, words] of refused)
    it(`refuses ${what} as ${code}`, () => {
      const refusal = refusalOf(() => checkSecretLifetime({ ...input, ...changes }));
      expect(refusal).to.have.property('code', code);
      for (const word of words) expect(refusal).to.have.property('line').that.includes(word);
    });
});
