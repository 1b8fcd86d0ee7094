import { createPublicKey, type KeyObject } from 'node:crypto';
import fs from 'node:fs';

import { quoteText } from '../quote-text.ts';
import { largestModulus, smallestModulus } from '../secret/private-key-file.ts';

/** @throws Error with cause and remedy */
export function readPublicKey(file: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(fs.readFileSync(file));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const cause =
      code.startsWith('E') && !code.startsWith('ERR_')
        ? `reading it fails (${code})`
        : 'it holds no key in PEM';
    throw new Error(
      `Cannot use the public key ${quoteText(file)}: ${cause}; name a file that "node-driver secret keygen" made`,
      { cause: error },
    );
  }
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= smallestModulus && modulusLength <= largestModulus)
    return key;
  throw new Error(
    `Cannot use the public key ${quoteText(file)}: it is no RSA key of ${smallestModulus} to ${largestModulus} bits; ` +
      'make one with "node-driver secret keygen"',
  );
}
