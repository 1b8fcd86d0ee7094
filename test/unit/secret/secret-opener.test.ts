import { expect } from 'chai';
import { constants, publicEncrypt, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { compareSecrets } from '../../../daemon/secret/compare-secrets.ts';
import { keyIdOf } from '../../../daemon/secret/key-id.ts';
import type { OpenedSecret } from '../../../daemon/secret/opened-secret.ts';
import { preparePrivateKey, type PrivateKey } from '../../../daemon/secret/private-key.ts';
import { sealAsJwe } from '../../../daemon/secret/seal-as-jwe.ts';
import { sealAsRsa } from '../../../daemon/secret/seal-as-rsa.ts';
import { secretForms, type SecretForm } from '../../../daemon/secret/secret-form.ts';
import { SecretOpener } from '../../../daemon/secret/secret-opener.ts';
import { Secret } from '../../../daemon/secret/secret.ts';
import { composeJwe } from '../../support/compose-jwe.ts';
import { makeRsaPair } from '../../support/rsa-keys.ts';

const text = 'open-sesame';
const secret = Secret.fromText(text);

describe('SecretOpener', function () {
  this.timeout(20_000);
  const [first, second, foreign] = [makeRsaPair(), makeRsaPair(3072), makeRsaPair()];
  let keys: readonly PrivateKey[];
  let kid: string;
  before(async () => {
    keys = [await preparePrivateKey(first.privateKey), await preparePrivateKey(second.privateKey)];
    kid = await keyIdOf(second.publicKey);
  });

  const open = (
    shown: string,
    forms: readonly SecretForm[] = secretForms,
    ring = keys,
  ): Promise<OpenedSecret> =>
    new SecretOpener(forms, { current: () => Promise.resolve(ring) }).open(Secret.fromText(shown));
  const header = () => ({ alg: 'RSA-OAEP-256', enc: 'A256GCM', kid });
  const payload = { secret: text, sub: 'vm-1', pod: 'pod-1', exp: 1_900_000_000, jti: 'id' };
  const compose = (changes: object = {}, claims: object = {}): string =>
    composeJwe(second.publicKey, { header: { ...header(), ...changes }, payload: { ...payload, ...claims } });

  async function expectGood(shown: string, form: SecretForm): Promise<OpenedSecret> {
    const opened = await open(shown);
    expect(opened).to.include({ form, fault: null });
    expect(compareSecrets(opened.secret, secret)).to.equal(true);
    expect(inspect(opened, { depth: null, showHidden: true })).to.not.include(text);
    return opened;
  }

  it('gives no key away: they decrypt, and nothing else', async () => {
    for (const { key } of keys) {
      expect(key).to.include({ type: 'private', extractable: false });
      expect(key.usages).to.deep.equal(['decrypt']);
      const error: unknown = await crypto.subtle.exportKey('pkcs8', key).catch((reason: unknown) => reason);
      expect(error).to.have.property('name', 'InvalidAccessError');
    }
  });

  it('hands on a plain secret', () => expectGood(text, 'plain'));

  it('opens the form rsa with each of the keys', async () => {
    await expectGood(sealAsRsa(secret, first.publicKey), 'rsa');
    await expectGood(sealAsRsa(secret, second.publicKey), 'rsa');
  });

  it('opens a secret in the form rsa whatever its bytes are', async () => {
    const bytes = randomBytes(190);
    const opened = await open(sealAsRsa(Secret.fromBytes(bytes), first.publicKey));
    expect(compareSecrets(opened.secret, Secret.fromBytes(bytes))).to.equal(true);
  });

  it('opens a token that "node-driver secret seal" makes', async () => {
    const content = { secret, vmUuid: 'vm-1', podUid: 'pod-1', jti: 'id', issuedAt: 1e12, expiresAt: 19e11 };
    const { claims } = await expectGood(await sealAsJwe(content, second.publicKey), 'jwe');
    expect(claims).to.include({ vmUuid: 'vm-1', podUid: 'pod-1', notBefore: 1e12, expiresAt: 19e11 });
  });

  it('opens a token that another implementation makes, with and without "typ"', async () => {
    await expectGood(compose(), 'jwe');
    await expectGood(compose({ typ: 'JWT', cty: 'json' }), 'jwe');
  });

  const swap = (token: string, part: number, change: (bytes: Buffer) => Buffer): string =>
    token
      .split('.')
      .map((each, index) =>
        index === part ? change(Buffer.from(each, 'base64url')).toString('base64url') : each,
      )
      .join('.');
  const flip = (bytes: Buffer): Buffer => {
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    return bytes;
  };
  const rsa = (padding: number, oaepHash?: string): string =>
    `rsa-oaep-sha256:${publicEncrypt({ key: first.publicKey, padding, oaepHash }, Buffer.from(text)).toString('base64')}`;

  const malformed: readonly (readonly [string, () => string, string])[] = [
    ['another algorithm', () => compose({ alg: 'RSA-OAEP' }), 'header "alg"'],
    ['PKCS#1 v1.5 as algorithm', () => compose({ alg: 'RSA1_5' }), 'header "alg"'],
    ['a shared key as algorithm', () => compose({ alg: 'dir' }), 'header "alg"'],
    ['another encryption', () => compose({ enc: 'A128GCM' }), 'header "enc"'],
    ['compression', () => compose({ zip: 'DEF' }), 'header "zip"'],
    ['a critical header', () => compose({ crit: ['exp'], exp: 1 }), 'header "crit"'],
    ['a key of its own', () => compose({ jwk: {} }), 'header "jwk"'],
    ['no kid', () => compose({ kid: undefined }), 'header "kid" is missing'],
    ['a kid that is a path', () => compose({ kid: '../../etc/shadow' }), 'header "kid"'],
    ['an unknown kid', () => compose({ kid: 'A'.repeat(43) }), 'no key of this node'],
    [
      'a header that is no JSON',
      () => `eyJh.${compose().split('.').slice(1).join('.')}`,
      'not a JSON object',
    ],
    [
      'a header that is no base64url',
      () => `eyJ%.${compose().split('.').slice(1).join('.')}`,
      'not base64url',
    ],
    ['a changed key', () => swap(compose(), 1, flip), 'does not open it'],
    // Not the first: one key of 256 begins with a zero, which OpenSSL does not miss.
    [
      'a key of another length',
      () => swap(compose(), 1, (bytes) => bytes.subarray(0, -1)),
      'does not open it',
    ],
    ['no key', () => swap(compose(), 1, () => Buffer.alloc(0)), 'does not open it'],
    ['a changed nonce', () => swap(compose(), 2, flip), 'does not open it'],
    ['a nonce of another length', () => swap(compose(), 2, (bytes) => bytes.subarray(1)), 'does not open it'],
    ['changed content', () => swap(compose(), 3, flip), 'does not open it'],
    ['no content', () => swap(compose(), 3, () => Buffer.alloc(0)), 'does not open it'],
    ['a changed tag', () => swap(compose(), 4, flip), 'does not open it'],
    ['a short tag', () => swap(compose(), 4, (bytes) => bytes.subarray(0, 4)), 'does not open it'],
    [
      'a changed header',
      () => swap(compose({ typ: 'a' }), 0, (b) => Buffer.from(b.toString().replace('"a"', '"b"'))),
      'does not open it',
    ],
    [
      'the key of somebody else',
      () => composeJwe(foreign.publicKey, { header: header(), payload }),
      'does not open it',
    ],
    [
      'OAEP with SHA-1',
      () => composeJwe(second.publicKey, { header: header(), payload, oaepHash: 'sha1' }),
      'does not open it',
    ],
    [
      'a content key of 128 bits',
      () => composeJwe(second.publicKey, { header: header(), payload, keyLength: 16 }),
      'does not open it',
    ],
    ['base64 with a newline', () => `${compose()}\n\n`, 'not base64url'],
    ['more than 16 KiB', () => compose({}, { secret: 'x'.repeat(16_384) }), 'longer than 16384 bytes'],
    ['nothing but dots', () => 'eyJh....', 'not a JSON object'],
    ['no expiry', () => compose({}, { exp: undefined }), 'claim "exp" is missing'],
    [
      'content that is no JSON',
      () => composeJwe(second.publicKey, { header: header(), payload: text }),
      'claims are not a JSON',
    ],
    ['rsa: PKCS#1 v1.5', () => rsa(constants.RSA_PKCS1_PADDING), 'none of the keys'],
    ['rsa: OAEP with SHA-1', () => rsa(constants.RSA_PKCS1_OAEP_PADDING, 'sha1'), 'none of the keys'],
    ['rsa: the key of somebody else', () => sealAsRsa(secret, foreign.publicKey), 'none of the keys'],
    ['rsa: too short', () => 'rsa-oaep-sha256:QUJD', 'none of the keys'],
    ['rsa: nothing', () => 'rsa-oaep-sha256:', 'none of the keys'],
    ['rsa: no base64', () => 'rsa-oaep-sha256:%', 'not base64'],
    ['rsa: base64url', () => sealAsRsa(secret, first.publicKey).replace(/=+$/, ''), 'not base64'],
    ['rsa: more than 16 KiB', () => `rsa-oaep-sha256:${'A'.repeat(16_384)}`, 'too long'],
  ];
  for (const [what, make, fault] of malformed)
    it(`finds fault with ${what}, and says nothing of the secret`, async () => {
      const opened = await open(make());
      expect(opened.fault).to.include(fault).and.not.include(text);
      expect(opened.claims).to.equal(null);
      expect(compareSecrets(opened.secret, secret)).to.equal(false);
    });

  it('finds fault with each form that is not accepted', async () => {
    for (const [form, make] of [
      ['plain', () => text],
      ['rsa', () => sealAsRsa(secret, first.publicKey)],
      ['jwe', compose],
    ] as const) {
      const { fault } = await open(
        make(),
        secretForms.filter((each) => each !== form),
      );
      expect(fault).to.equal(`the form ${form} is not accepted on this node ("secret-forms")`);
    }
  });

  it('hands on the token of a ServiceAccount as such, and never as the secret of a pod', async () => {
    const token = 'eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJl';
    const opened = await open(`service-account-token:${token}`);
    expect(opened).to.include({ form: 'token', fault: null });
    expect(opened.token?.reveal().toString()).to.equal(token);
    expect(compareSecrets(opened.secret, Secret.fromText(token))).to.equal(false);
    expect(inspect(opened, { depth: null, showHidden: true })).to.not.include(token);
    for (const [text, fault] of [
      ['', 'no token'],
      ['eyJ.a.b', 'no token'],
      ['eyJhIjox.YQ.YQ.YQ.YQ', 'no token'],
      ['eyJhIjox.%.YQ', 'no token'],
      [`eyJhIjox.${'a'.repeat(16_384)}.YQ`, 'longer than'],
    ] as const) {
      const other = await open(`service-account-token:${text}`);
      expect(other.fault).to.include(fault);
      expect(other.token).to.equal(null);
    }
    const { fault } = await open(`service-account-token:${token}`, ['plain', 'rsa', 'jwe']);
    expect(fault).to.equal('the form token is not accepted on this node ("secret-forms")');
  });

  it('finds fault with tokens where there is no key', async () => {
    for (const token of [compose(), sealAsRsa(secret, first.publicKey)])
      expect((await open(token, secretForms, [])).fault).to.include('has no private key');
  });
});
