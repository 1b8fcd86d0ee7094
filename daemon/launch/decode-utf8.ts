import { isUtf8 } from 'node:buffer';

/** The text of UTF-8 bytes, or `null` when they are not UTF-8: nothing is decoded by guesswork. */
export function decodeUtf8(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString('utf8') : null;
}
