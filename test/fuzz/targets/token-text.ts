import { checkClaims } from '../../../daemon/secret/check-claims.ts';
import { decodeBase64 } from '../../../daemon/secret/decode-base64.ts';
import { secretFormOf, secretForms } from '../../../daemon/secret/secret-form.ts';
import { parseTokenClaims } from '../../../daemon/secret/token-claims.ts';
import { TokenFault } from '../../../daemon/secret/token-fault.ts';
import { parseTokenHeader, tokenAlgorithm, tokenEncryption } from '../../../daemon/secret/token-header.ts';
import { expectThat } from '../expect-that.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

const header = { alg: tokenAlgorithm, enc: tokenEncryption, kid: 'k'.repeat(43) };
const claims = {
  secret: 'value-of-a-secret',
  sub: 'vm-uuid',
  pod: 'pod-uid',
  exp: 1_900_000_000,
  jti: 'one',
};

/** A sealed secret: each input is the token, its header, and its claims. */
export const tokenText: FuzzTarget = {
  name: 'token-text',
  files: [
    'secret/decode-base64.ts',
    'secret/secret-form.ts',
    'secret/parse-strictly.ts',
    'secret/token-header.ts',
    'secret/token-claims.ts',
    'secret/token-fault.ts',
    'secret/check-claims.ts',
  ],
  seeds: [
    'plain',
    'rsa-oaep-sha256:QUJDRA==',
    `${Buffer.from(JSON.stringify(header)).toString('base64url')}.QUJD.QUJD.QUJD.QUJD`,
    'eyJ.a.b.c.d',
    JSON.stringify(header),
    JSON.stringify({ ...header, zip: 'DEF' }),
    JSON.stringify({ ...header, typ: 'JWT', cty: 'x' }),
    JSON.stringify(claims),
    JSON.stringify({ ...claims, iat: 1_800_000_000, nbf: 1_800_000_001 }),
    JSON.stringify({ ...claims, nbf: 99_999_999_999 }),
    JSON.stringify({ ...claims, exp: 99_999_999_999 }),
    JSON.stringify({ ...claims, sub: 'other' }),
    JSON.stringify({ ...claims, pod: 'other' }),
    JSON.stringify({ ...claims, exp: '1' }),
    JSON.stringify({ ...claims, jti: undefined }),
    '[]',
    'null',
    '{"__proto__":1}',
  ],
  run: (input) => {
    const text = input.toString('utf8');
    const form = secretFormOf(text);
    expectThat(secretForms.includes(form), 'a secret has one of the forms');
    expectThat(form === 'jwe' ? text.split('.').length === 5 : true, 'a token has five parts');
    checkHeader(text);
    checkHeader(`${input.toString('base64url')}....`);
    for (const encoding of ['base64', 'base64url'] as const) {
      const bytes = decodeBase64(text, encoding);
      expectThat(bytes === null || bytes.toString(encoding) === text, 'bytes have one spelling');
      expectThat(
        decodeBase64(input.toString(encoding), encoding)?.equals(input) === true,
        'what is encoded is decoded',
      );
    }
    checkTokenClaims(input);
  },
};

function faultOf<T>(action: () => T): { readonly value: T } | { readonly fault: string } {
  try {
    return { value: action() };
  } catch (error) {
    if (!(error instanceof TokenFault)) throw error;
    expectThat(error.message.length < 1024 && !/\p{Cc}/u.test(error.message), 'a fault is told in a line');
    return { fault: error.message };
  }
}

function checkHeader(token: string): void {
  const parsed = faultOf(() => parseTokenHeader(token));
  if ('value' in parsed)
    expectThat(/^[A-Za-z0-9_-]{43}$/.test(parsed.value.kid), 'a key is named by its thumbprint');
}

function checkTokenClaims(bytes: Buffer): void {
  const parsed = faultOf(() => parseTokenClaims(bytes));
  if ('fault' in parsed) {
    // No key of the object is called so, but by chance.
    const secret = claims.secret;
    const isKey = bytes.toString('utf8').includes(`${secret}":`) || bytes.includes('\\');
    expectThat(isKey || !parsed.fault.includes(secret), 'a fault does not tell the secret');
    return;
  }
  const { secret, podUid, expiresAt, notBefore, id } = parsed.value;
  expectThat(!secret.isEmpty && podUid !== '', 'a token has a secret, and is for a pod');
  expectThat(
    expiresAt >= 0 && notBefore >= 0 && Number.isFinite(expiresAt + notBefore),
    'its times are times',
  );
  expectThat(
    /^[0-9a-f]{64}$/.test(id) && String(secret) === '[redacted]',
    'its id is a digest, its secret hidden',
  );
  const now = 1_899_999_900_000;
  const situation = { vmUuid: claims.sub, podUid: claims.pod, now, longestLifetime: 600_000 };
  const reason = checkClaims(parsed.value, situation);
  const isMeant = parsed.value.vmUuid === claims.sub && podUid === claims.pod;
  expectThat(
    reason !== null || (isMeant && expiresAt <= now + 630_000),
    'only what is meant for this VM counts',
  );
}
