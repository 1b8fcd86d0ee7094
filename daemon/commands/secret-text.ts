import { isUtf8 } from 'node:buffer';

import type { Secret } from '../secret/secret.ts';

/** What a domain's variable can hold. @throws Error with cause and remedy */
export function secretText(secret: Secret): string {
  const bytes = secret.reveal();
  const text = bytes.toString('utf8');
  if (isUtf8(bytes) && !/\p{Cc}/u.test(text)) return text;
  throw new Error(
    'Cannot put the secret into a domain: it is not UTF-8, or has control characters; ' +
      'make another with "node-driver secret new", or seal it with "node-driver secret seal"',
  );
}
