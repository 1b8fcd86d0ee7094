import { expect } from 'chai';
import { format, inspect } from 'node:util';
import { compareSecrets } from '../../../daemon/secret/compare-secrets.ts';
import { Secret } from '../../../daemon/secret/secret.ts';

describe('Secret', () => {
  const secret = Secret.fromText('open-sesame');
  const shown: readonly [string, () => string][] = [
    ['String()', () => String(secret)],
    ['JSON', () => JSON.stringify({ secret })],
    ['inspect', () => inspect({ secret }, { showHidden: true, depth: null })],
    ['format', () => format('%s %o %O %j', secret, secret, secret, secret)],
    ['its keys', () => `[redacted]${Reflect.ownKeys(secret).join()}`],
    ['an error', () => inspect(new Error('failed', { cause: secret }))],
  ];
  for (const [what, show] of shown)
    it(`does not show itself in ${what}`, () => {
      expect(show())
        .to.include('[redacted]')
        .and.not.include('open-sesame')
        .and.not.match(/6f 70 65 6e/);
    });

  it('keeps its content when the given bytes change', () => {
    const bytes = Buffer.from('abc');
    const copy = Secret.fromBytes(bytes);
    bytes.fill(0);
    expect(compareSecrets(copy, Secret.fromText('abc'))).to.equal(true);
  });
});

describe('compareSecrets', () => {
  const cases: readonly [string, string, boolean][] = [
    ['abc', 'abc', true],
    ['abc\n', 'abc', true],
    ['abc', 'abc\n', true],
    ['abc\n\n', 'abc', false],
    ['abc\r\n', 'abc', false],
    [' abc', 'abc', false],
    ['abc', 'abd', false],
    ['abc', 'abcd', false],
    ['abc', '', false],
    ['', 'abc', false],
    ['', '', false],
    ['\n', '\n', false],
    ['\n\n', '\n\n', true],
    ['größe', 'größe', true],
  ];
  for (const [given, expected, equal] of cases)
    it(`says ${equal} for ${JSON.stringify(given)} and ${JSON.stringify(expected)}`, () => {
      expect(compareSecrets(Secret.fromText(given), Secret.fromText(expected))).to.equal(equal);
    });

  it('compares bytes that are not UTF-8', () => {
    const [one, other] = [Secret.fromBytes(Buffer.from([0xff])), Secret.fromBytes(Buffer.from([0xfe]))];
    expect(compareSecrets(one, Secret.fromBytes(Buffer.from([0xff])))).to.equal(true);
    expect(compareSecrets(one, other)).to.equal(false);
  });
});
