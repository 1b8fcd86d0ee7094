import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { checkClaims } from '../../../daemon/secret/check-claims.ts';
import { compareSecrets } from '../../../daemon/secret/compare-secrets.ts';
import { Secret } from '../../../daemon/secret/secret.ts';
import { parseTokenClaims } from '../../../daemon/secret/token-claims.ts';
import { TokenFault } from '../../../daemon/secret/token-fault.ts';

const good = { secret: 'open-sesame', sub: 'vm-1', pod: 'pod-1', exp: 2000, jti: 'id-1' };
const bytesOf = (value: unknown): Buffer =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

function faultOf(value: unknown): string {
  try {
    parseTokenClaims(Buffer.isBuffer(value) ? value : bytesOf(value));
  } catch (error) {
    if (error instanceof TokenFault) return error.message;
    throw error;
  }
  throw new Error('It was accepted');
}

describe('parseTokenClaims', () => {
  it('reads what a token says, and keeps of its id the hash', () => {
    const { secret, ...rest } = parseTokenClaims(bytesOf({ ...good, iat: 1000, nbf: 1500.5 }));
    expect(rest).to.deep.equal({
      vmUuid: 'vm-1',
      podUid: 'pod-1',
      expiresAt: 2_000_000,
      notBefore: 1_500_500,
      id: createHash('sha256').update('id-1').digest('hex'),
    });
    expect(compareSecrets(secret, Secret.fromText('open-sesame'))).to.equal(true);
  });

  it('does not show the secret', () => {
    const claims = parseTokenClaims(bytesOf(good));
    expect(`${inspect(claims)} ${JSON.stringify(claims)}`)
      .to.include('[redacted]')
      .and.not.include('sesame');
  });

  for (const claim of ['secret', 'sub', 'pod', 'exp', 'jti'] as const)
    it(`refuses a token without "${claim}"`, () => {
      expect(faultOf({ ...good, [claim]: undefined })).to.equal(`its claim "${claim}" is missing`);
    });

  const malformed: readonly (readonly [string, unknown, string])[] = [
    ['an empty secret', { ...good, secret: '' }, '"secret"'],
    ['a secret that is a newline', { ...good, secret: '\n' }, '"secret"'],
    ['a secret that is a number', { ...good, secret: 12_345_678 }, '"secret"'],
    ['a sub that is a list', { ...good, sub: ['vm-1'] }, '"sub"'],
    ['an empty pod', { ...good, pod: '' }, '"pod"'],
    ['an exp that is text', { ...good, exp: '2000' }, '"exp"'],
    ['an exp that is null', { ...good, exp: null }, '"exp"'],
    ['a negative exp', { ...good, exp: -1 }, '"exp"'],
    ['an exp in milliseconds', { ...good, exp: 1_900_000_000_000 }, '"exp"'],
    ['an endless exp', JSON.stringify(good).replace('2000', '1e999'), '"exp"'],
    ['an empty jti', { ...good, jti: '' }, '"jti"'],
    ['a jti of 129 characters', { ...good, jti: 'x'.repeat(129) }, '"jti"'],
    ['a jti with a newline', { ...good, jti: 'a\n' }, '"jti"'],
    ['a jti that is no ASCII', { ...good, jti: 'ä' }, '"jti"'],
    ['a nbf that is text', { ...good, nbf: 'now' }, '"nbf"'],
    ['a claim that is not known', { ...good, node: 'n1' }, '"node" is none that is known here'],
    ['a claim that every object has', { ...good, constructor: 1 }, '"constructor" is none'],
    ['a claim "__proto__"', JSON.stringify(good).replace('{', '{"__proto__":{},'), '"__proto__" is none'],
    ['a list', [good], 'not a JSON object'],
    ['null', 'null', 'not a JSON object'],
    ['text that is no JSON', 'open-sesame', 'not a JSON object'],
    ['bytes that are not UTF-8', Buffer.from('{"secret":"\xff"}', 'latin1'), 'not a JSON object'],
    ['nothing', '', 'not a JSON object'],
  ];
  for (const [what, value, words] of malformed)
    it(`refuses ${what}, and repeats nothing of it`, () => {
      expect(faultOf(value))
        .to.include(words)
        .and.not.match(/sesame|12345678|n1/);
    });

  it('accepts a jti of 128 characters', () => {
    expect(parseTokenClaims(bytesOf({ ...good, jti: '~'.repeat(128) }))).to.have.property('vmUuid', 'vm-1');
  });
});

describe('checkClaims', () => {
  const now = 1_900_000_000_000;
  const claims = parseTokenClaims(bytesOf({ ...good, exp: now / 1000 + 60, iat: now / 1000 }));
  const situation = { vmUuid: 'vm-1', podUid: 'pod-1', now, longestLifetime: 60_000 };

  it('accepts a token that is meant for this VM and pod', () => {
    expect(checkClaims(claims, situation)).to.equal(null);
  });
  it('leaves it to others whether a token has expired', () => {
    expect(checkClaims({ ...claims, expiresAt: 0 }, situation)).to.equal(null);
  });
  it('lets clocks differ by 30 s', () => {
    expect(checkClaims(claims, { ...situation, now: now - 30_000 })).to.equal(null);
  });

  const refused = [
    ['another VM', { vmUuid: 'vm-2' }, '"sub"'],
    ['the same uuid in other letters', { vmUuid: 'VM-1' }, '"sub"'],
    ['another pod', { podUid: 'pod-2' }, '"pod"'],
    ['a target that is in no pod', { podUid: null }, '"pod"'],
    ['a clock that is 31 s behind', { now: now - 31_000, longestLifetime: 1e9 }, '"iat" or "nbf"'],
    ['a node that lets tokens live for 29 s', { longestLifetime: 29_000 }, '"exp" is later than 29 s'],
  ] as const;
  for (const [what, changes, words] of refused)
    it(`refuses a token for ${what}`, () => {
      expect(checkClaims(claims, { ...situation, ...changes })).to.include(words);
    });
});
