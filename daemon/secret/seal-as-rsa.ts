import { constants, publicEncrypt, type KeyObject } from 'node:crypto';

import { rsaPrefix } from './secret-form.ts';
import type { Secret } from './secret.ts';

/**
 * The form `rsa`: what `openssl pkeyutl` makes with OAEP and SHA-256.
 * @throws Error when the secret is too long for the key
 */
export function sealAsRsa(secret: Secret, publicKey: KeyObject): string {
  const bytes = secret.reveal();
  const longest = (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8 - 66;
  if (bytes.length > longest)
    throw new Error(
      `Cannot seal the secret: it has ${bytes.length} bytes, and this key takes ${longest} in the form rsa; use ` +
        'the form jwe, or a longer key',
    );
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const sealed = publicEncrypt({ key: publicKey, padding, oaepHash: 'sha256' }, bytes);
  return `${rsaPrefix}${sealed.toString('base64')}`;
}
