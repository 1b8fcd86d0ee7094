import { expect } from 'chai';
import { Refusal } from '../../../daemon/errors.ts';
import { judgeSecret, type SecretCase } from '../../../daemon/secret/judge-secret.ts';
import { Secret } from '../../../daemon/secret/secret.ts';
import type { TokenClaims } from '../../../daemon/secret/token-claims.ts';

const now = Date.parse('2030-01-31T12:00:00Z');
const secret = Secret.fromText('open-sesame');
const claims: TokenClaims = {
  secret,
  vmUuid: 'vm-1',
  podUid: 'pod-1',
  expiresAt: now + 60_000,
  notBefore: 0,
  id: 'id',
};
const plain: SecretCase = {
  opened: { form: 'plain', secret, claims: null, token: null, fault: null },
  held: Secret.fromText('open-sesame'),
  isUsedElsewhere: () => false,
  secretFile: '/s/secret',
  expiresAtFile: '/s/expires-at',
  expiresAt: null,
  now,
  containerAge: 0,
  lifetime: 600_000,
  vmUuid: 'vm-1',
  podUid: 'pod-1',
  longestLifetime: 3_600_000,
};
const withClaims = (changes: Partial<TokenClaims>): SecretCase => ({
  ...plain,
  opened: { form: 'jwe', secret, claims: { ...claims, ...changes }, token: null, fault: null },
});
const jwe = withClaims({});

function refusalOf(secretCase: SecretCase): Refusal {
  try {
    judgeSecret(secretCase);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('It was accepted');
}

describe('judgeSecret', () => {
  it('lets a plain secret count while its container is young', () => {
    expect(judgeSecret(plain).getTime()).to.equal(now + 600_000);
    expect(refusalOf({ ...plain, containerAge: 600_000 }).code).to.equal('secret-expired');
  });

  it('lets a token count until its exp, however old the container is', () => {
    expect(judgeSecret({ ...jwe, containerAge: 1e12 }).getTime()).to.equal(now + 60_000);
  });

  it('lets a token count until expires-at where that is earlier', () => {
    expect(judgeSecret({ ...jwe, expiresAt: '2030-01-31T12:00:30Z' }).getTime()).to.equal(now + 30_000);
    expect(judgeSecret({ ...jwe, expiresAt: '2030-01-31T13:00:00Z' }).getTime()).to.equal(now + 60_000);
    expect(refusalOf({ ...jwe, expiresAt: '2030-01-31T11:00:00Z' }).code).to.equal('secret-expired');
  });

  it('tells who shows the secret in a token for this VM and pod that it has expired', () => {
    const expired = withClaims({ expiresAt: now });
    expect(refusalOf(expired))
      .to.include({ code: 'secret-expired' })
      .and.property('line')
      .includes('expired at 2030-');
    expect(refusalOf({ ...expired, podUid: 'pod-2' }).code).to.equal('secret-mismatch');
    expect(refusalOf({ ...expired, held: Secret.fromText('other') }).code).to.equal('secret-mismatch');
    expect(refusalOf({ ...expired, isUsedElsewhere: () => true }).code).to.equal('secret-mismatch');
  });

  const wrong: readonly (readonly [string, SecretCase, string])[] = [
    ['another secret', { ...plain, held: Secret.fromText('other') }, 'form plain'],
    ['another secret in a token', { ...jwe, held: Secret.fromText('other') }, 'form jwe'],
    ['an empty secret', { ...plain, held: Secret.fromText('') }, 'form plain'],
    ['a token for another VM', withClaims({ vmUuid: 'vm-2' }), '"sub"'],
    ['a token for another pod', withClaims({ podUid: 'pod-2' }), '"pod"'],
    ['a token of the future', withClaims({ notBefore: now + 60_000 }), '"nbf"'],
    ['a token that lives too long', withClaims({ expiresAt: now + 4_000_000 }), '"exp"'],
    ['a replay', { ...jwe, isUsedElsewhere: () => true }, 'replay'],
    [
      'a token that could not be opened',
      {
        ...plain,
        opened: {
          form: 'jwe',
          secret: Secret.random(),
          claims: null,
          token: null,
          fault: 'its header is odd',
        },
      },
      'its header is odd',
    ],
    [
      'a token that could not be opened, even with the right secret',
      { ...plain, opened: { form: 'jwe', secret, claims: null, token: null, fault: 'its header is odd' } },
      'its header is odd',
    ],
  ];
  const lines = new Set<string>();
  for (const [what, secretCase, detail] of wrong)
    it(`refuses ${what}, with the reason in the detail alone`, () => {
      const refusal = refusalOf(secretCase);
      lines.add(refusal.line);
      expect([...lines]).to.have.lengthOf(1);
      expect(refusal).to.include({ code: 'secret-mismatch' }).and.property('detail').includes(detail);
    });
});
