import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
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

describe('Secret.reveal', () => {
  it('gives a copy', () => {
    const secret = Secret.fromText('abc\n');
    secret.reveal().fill(0);
    expect(secret.reveal().toString()).to.equal('abc');
  });

  it('is called where secrets are opened, sealed and written, and nowhere else', () => {
    const root = path.resolve(import.meta.dirname, '../../../daemon');
    const callers = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter(
        (file) => file.endsWith('.ts') && readFileSync(path.join(root, file), 'utf8').includes('.reveal('),
      )
      .sort();
    expect(callers.filter((file) => !file.startsWith('commands/secret'))).to.deep.equal([
      'kubernetes/token-reviewer.ts',
      'secret/seal-as-jwe.ts',
      'secret/seal-as-rsa.ts',
      'secret/secret-opener.ts',
    ]);
  });
});

describe('Secret.random', () => {
  it('has 256 bits, as text without a character that XML or a shell knows', () => {
    const secrets = Array.from({ length: 50 }, () => Secret.random().reveal().toString());
    expect(new Set(secrets).size).to.equal(50);
    for (const secret of secrets) expect(secret).to.match(/^[A-Za-z0-9_-]{43}$/);
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
