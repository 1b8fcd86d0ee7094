import type { KeyObject } from 'node:crypto';

import { CompactEncrypt } from 'jose';

import { keyIdOf } from './key-id.ts';
import type { Secret } from './secret.ts';
import { tokenAlgorithm, tokenEncryption } from './token-header.ts';

export interface TokenContent {
  readonly secret: Secret;
  readonly vmUuid: string;
  readonly podUid: string;
  readonly jti: string;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/**
 * The form `jwe`.
 * @throws Error when the secret is not UTF-8, since JSON holds nothing else
 */
export async function sealAsJwe(content: TokenContent, publicKey: KeyObject): Promise<string> {
  const claims = {
    secret: textOf(content.secret),
    sub: content.vmUuid,
    pod: content.podUid,
    iat: Math.floor(content.issuedAt / 1000),
    exp: Math.floor(content.expiresAt / 1000),
    jti: content.jti,
  };
  return new CompactEncrypt(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({
      alg: tokenAlgorithm,
      enc: tokenEncryption,
      kid: await keyIdOf(publicKey),
      typ: 'JWT',
    })
    .encrypt(publicKey.toCryptoKey({ name: 'RSA-OAEP', hash: 'SHA-256' }, true, ['encrypt']));
}

function textOf(secret: Secret): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(secret.reveal());
  } catch {
    throw new Error('Cannot seal the secret: it is not UTF-8; use the form rsa, or a secret of text');
  }
}
