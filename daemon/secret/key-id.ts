import { createPublicKey, type KeyObject } from 'node:crypto';

import { calculateJwkThumbprint } from 'jose';

/** The name of a key pair: the RFC 7638 thumbprint of its public key, whichever of both is given. */
export async function keyIdOf(key: KeyObject): Promise<string> {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const { kty = '', n = '', e = '' } = publicKey.export({ format: 'jwk' });
  return calculateJwkThumbprint({ kty, n, e }, 'sha256');
}
