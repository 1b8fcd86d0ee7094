import { constants, createCipheriv, publicEncrypt, randomBytes, type KeyObject } from 'node:crypto';
import { runSecretWatch } from './secret-watch/run-secret-watch.ts';

export interface JweParts {
  readonly header: unknown;
  readonly payload: unknown;
  /** Of OAEP; `sha256` by default. */
  readonly oaepHash?: string;
  /** Of the content; 32 by default. */
  readonly keyLength?: 16 | 24 | 32;
}

const encode = (value: unknown): string =>
  (Buffer.isBuffer(value)
    ? value
    : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  ).toString('base64url');

/**
 * A compact JWE by the words of RFC 7516 and Node's own ciphers: another implementation than the one under test, which
 * also makes what a proper one refuses to make.
 */
export function composeJwe(publicKey: KeyObject, parts: JweParts): string {
  const { header, payload, oaepHash = 'sha256', keyLength = 32 } = parts;
  const key = randomBytes(keyLength);
  const iv = randomBytes(12);
  const encodedHeader = encode(header);
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const encryptedKey = publicEncrypt({ key: publicKey, padding, oaepHash }, key);
  const cipher = createCipheriv(`aes-${(8 * keyLength) as 128 | 192 | 256}-gcm`, key, iv);
  cipher.setAAD(Buffer.from(encodedHeader, 'ascii'));
  const plaintext = Buffer.isBuffer(payload)
    ? payload
    : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const token = [encodedHeader, ...[encryptedKey, iv, ciphertext, cipher.getAuthTag()].map(encode)].join('.');
  runSecretWatch.note(token);
  const secret: unknown = isObject(payload) ? Reflect.get(payload, 'secret') : undefined;
  if (typeof secret === 'string') runSecretWatch.note(secret);
  return token;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
