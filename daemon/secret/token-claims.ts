import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { parseStrictly } from './parse-strictly.ts';
import { Secret } from './secret.ts';

/** Seconds since 1970, as in RFC 7519; up to the year 5138. */
const numericDate = v.pipe(v.number(), v.minValue(0), v.maxValue(100_000_000_000));

const schema = v.object({
  // Not by its length: a newline at the end is none of it.
  secret: v.pipe(
    v.string(),
    v.transform((text) => Secret.fromText(text)),
    v.check((secret) => !secret.isEmpty),
  ),
  sub: v.string(),
  pod: v.pipe(v.string(), v.minLength(1)),
  exp: numericDate,
  jti: v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,128}$/)),
  iat: v.optional(numericDate),
  nbf: v.optional(numericDate),
});

/** What a JWE says. */
export interface TokenClaims {
  readonly secret: Secret;
  readonly vmUuid: string;
  readonly podUid: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** The later of `iat` and `nbf`; 0 where there is neither. */
  readonly notBefore: number;
  /** SHA-256 of `jti` in hexadecimal digits. */
  readonly id: string;
}

/** @throws TokenFault */
export function parseTokenClaims(plaintext: Uint8Array): TokenClaims {
  const { secret, sub, pod, exp, jti, iat = 0, nbf = 0 } = parseStrictly(schema, plaintext, 'claim');
  return {
    secret,
    vmUuid: sub,
    podUid: pod,
    expiresAt: exp * 1000,
    notBefore: Math.max(iat, nbf) * 1000,
    id: createHash('sha256').update(jti).digest('hex'),
  };
}
