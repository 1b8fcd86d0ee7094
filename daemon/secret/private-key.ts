import { createPublicKey, type KeyObject, type webcrypto } from 'node:crypto';

import { keyIdOf } from './key-id.ts';
import { sealAsJwe } from './seal-as-jwe.ts';
import { sealAsRsa } from './seal-as-rsa.ts';
import { rsaPrefix } from './secret-form.ts';
import { Secret } from './secret.ts';

/** A private key, ready to decrypt, with something to decrypt where there is nothing. */
export interface PrivateKey {
  readonly kid: string;
  /** Length of its ciphertexts. */
  readonly size: number;
  /** OAEP with SHA-256 and nothing else. */
  readonly key: webcrypto.CryptoKey;
  /** A ciphertext of the form `rsa` for this key. */
  readonly decoy: Buffer;
  /** A token of the form `jwe` for this key. */
  readonly decoyToken: string;
}

/** The keys are not extractable from here on. */
export async function preparePrivateKey(keyObject: KeyObject): Promise<PrivateKey> {
  const publicKey = createPublicKey(keyObject);
  const nobody = { vmUuid: 'none', podUid: 'none', jti: 'decoy', issuedAt: 0, expiresAt: 0 };
  return {
    kid: await keyIdOf(publicKey),
    size: (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8,
    key: keyObject.toCryptoKey({ name: 'RSA-OAEP', hash: 'SHA-256' }, false, ['decrypt']),
    decoy: Buffer.from(sealAsRsa(Secret.random(), publicKey).slice(rsaPrefix.length), 'base64'),
    decoyToken: await sealAsJwe({ ...nobody, secret: Secret.random() }, publicKey),
  };
}
