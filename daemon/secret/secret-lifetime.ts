import { Refusal } from '../errors.ts';
import { formatDuration } from './format-duration.ts';
import { parseRfc3339 } from './parse-rfc3339.ts';

export interface SecretLifetimeInput {
  /** Path of the secret in the pod, for messages. */
  readonly secretFile: string;
  /** Path of `expires-at` beside it, for messages. */
  readonly expiresAtFile: string;
  /** Content of `expires-at`; `null` when there is no such file. */
  readonly expiresAt: string | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Milliseconds since the target's container started: the pod can't set it, unlike the times of its files. */
  readonly containerAge: number;
  /** `secret-lifetime` in milliseconds. */
  readonly lifetime: number;
}

export interface SecretValidity {
  readonly valid: true;
  /** First moment at which the secret no longer counts. */
  readonly validUntil: Date;
}

/**
 * Until when a secret counts: until `expires-at` where that file exists, else while its container is young.
 * @throws Refusal `secret-expired`, or `secret-file` when `expires-at` does not hold a time
 */
export function checkSecretLifetime(input: SecretLifetimeInput): SecretValidity {
  return input.expiresAt === null ? checkAge(input) : checkExpiry(input, input.expiresAt);
}

function checkExpiry(input: SecretLifetimeInput, text: string): SecretValidity {
  const validUntil = parseRfc3339(text.replace(/\n$/, ''));
  if (validUntil === null)
    throw new Refusal(
      'secret-file',
      `Cannot read "${input.expiresAtFile}" of the pod: it does not hold one RFC 3339 time`,
      'write a time such as 2030-01-31T12:00:00Z, or remove the file so that "secret-lifetime" holds',
    );
  if (input.now >= validUntil.getTime())
    throw new Refusal(
      'secret-expired',
      `Cannot accept the secret in "${input.secretFile}": it expired at ${validUntil.toISOString()}, ` +
        `${formatDuration(input.now - validUntil.getTime())} ago, by "${input.expiresAtFile}"`,
      'write a new secret with a later expires-at into the Kubernetes Secret',
    );
  return { valid: true, validUntil };
}

function checkAge(input: SecretLifetimeInput): SecretValidity {
  const age = Math.max(0, input.containerAge);
  if (age >= input.lifetime)
    throw new Refusal(
      'secret-expired',
      `Cannot accept the secret in "${input.secretFile}": its container started ${formatDuration(age)} ago, ` +
        `and a secret counts for ${formatDuration(input.lifetime)}`,
      `start the VM within that time, raise "secret-lifetime", or set a time in "${input.expiresAtFile}"`,
    );
  return { valid: true, validUntil: new Date(input.now + input.lifetime - age) };
}
