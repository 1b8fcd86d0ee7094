import * as v from 'valibot';
import { decodeBase64 } from './decode-base64.ts';
import { parseStrictly } from './parse-strictly.ts';
import { TokenFault } from './token-fault.ts';

export const tokenAlgorithm = 'RSA-OAEP-256';
export const tokenEncryption = 'A256GCM';

/** Neither `zip` nor `crit` nor a key of the sender's: only what decides about the key, and names of types. */
const schema = v.object({
  alg: v.literal(tokenAlgorithm),
  enc: v.literal(tokenEncryption),
  kid: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
  typ: v.optional(v.string()),
  cty: v.optional(v.string()),
});

export interface TokenHeader {
  /** The RFC 7638 thumbprint of the public key that the token is sealed for. */
  readonly kid: string;
}

/**
 * Reads the header of a compact JWE, and sees to it that the other parts are spelt as they must be.
 * @throws TokenFault
 */
export function parseTokenHeader(token: string): TokenHeader {
  const [header, ...others] = token.split('.').map((part) => decodeBase64(part, 'base64url'));
  if (!header || others.includes(null)) throw new TokenFault('one of its parts is not base64url');
  const { kid } = parseStrictly(schema, header, 'header');
  return { kid };
}
