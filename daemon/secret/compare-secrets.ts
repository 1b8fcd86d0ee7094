import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Secret } from './secret.ts';

const keyLength = 32;

/**
 * True when both are the same and not empty. Time tells nothing about content or common length: compared are HMACs
 * under a key that is drawn anew each time. An empty secret never matches, or an empty file would open a pod to all.
 */
export function compareSecrets(given: Secret, expected: Secret): boolean {
  const key = randomBytes(keyLength);
  const equal = timingSafeEqual(given.digest(key), expected.digest(key));
  return equal && !expected.isEmpty;
}
