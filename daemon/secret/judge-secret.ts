import { Refusal } from '../errors.ts';
import { checkClaims, type TokenSituation } from './check-claims.ts';
import { compareSecrets } from './compare-secrets.ts';
import { formatDuration } from './format-duration.ts';
import type { OpenedSecret } from './opened-secret.ts';
import { checkSecretLifetime, type SecretLifetimeInput } from './secret-lifetime.ts';
import { secretMismatch } from './secret-mismatch.ts';
import type { Secret } from './secret.ts';
import type { TokenClaims } from './token-claims.ts';

/** Detail of the refusal of a token that another VM or pod has used. */
export const replayDetail = 'a token with its "jti" was used for another VM or pod: it is a replay';

export interface SecretCase extends SecretLifetimeInput, TokenSituation {
  /** What the domain shows. */
  readonly opened: OpenedSecret;
  /** What the pod holds. */
  readonly held: Secret;
  /** True for the id of a token that another VM or pod has used. */
  readonly isUsedElsewhere: (claims: TokenClaims) => boolean;
}

/**
 * Decides whether what a domain shows opens this pod to this VM, and until when. Who gets anything else as an answer
 * than `secret-mismatch` has shown the secret itself, in a token that is meant for this VM and pod.
 *
 * @throws Refusal `secret-mismatch`, `secret-expired`, or `secret-file` when `expires-at` does not hold a time
 */
export function judgeSecret(secretCase: SecretCase): Date {
  const fault = findFault(secretCase);
  if (fault !== null) throw secretMismatch(secretCase.secretFile, fault);
  const { claims } = secretCase.opened;
  if (claims === null) return checkSecretLifetime(secretCase).validUntil;
  if (secretCase.now >= claims.expiresAt) throw tokenExpired(claims, secretCase.now);
  const byFile =
    secretCase.expiresAt === null ? Infinity : checkSecretLifetime(secretCase).validUntil.getTime();
  return new Date(Math.min(claims.expiresAt, byFile));
}

function findFault({ opened, held, isUsedElsewhere, secretFile, ...situation }: SecretCase): string | null {
  const { claims, fault } = opened;
  // Before anything is returned: the comparison is made whatever else is wrong.
  const isEqual = compareSecrets(opened.secret, held);
  if (fault !== null) return fault;
  if (!isEqual) return `the secret in it is not what "${secretFile}" holds (form ${opened.form})`;
  if (claims === null) return null;
  const misfit = checkClaims(claims, situation);
  if (misfit !== null) return misfit;
  return isUsedElsewhere(claims) ? replayDetail : null;
}

function tokenExpired({ expiresAt }: TokenClaims, now: number): Refusal {
  return new Refusal(
    'secret-expired',
    `Cannot accept the token of the domain: it expired at ${new Date(expiresAt).toISOString()}, ` +
      `${formatDuration(now - expiresAt)} ago`,
    'seal the secret anew, and start the VM before the token\'s "exp"',
  );
}
