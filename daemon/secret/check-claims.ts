import { formatDuration } from './format-duration.ts';
import type { TokenClaims } from './token-claims.ts';

/** How far the clocks of sealer and node may differ. */
const CLOCK_SKEW_MS = 30_000;

/** What a token is held against. */
export interface TokenSituation {
  readonly vmUuid: string;
  /** UID of the pod, or the ID of a container that is in none; `null` where the target has neither. */
  readonly podUid: string | null;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** `secret-token-lifetime` in milliseconds. */
  readonly longestLifetime: number;
}

/** Why a token is not meant for this VM and pod at this time; `null` when it is. Whether it has expired is not asked. */
export function checkClaims(claims: TokenClaims, situation: TokenSituation): string | null {
  const { now, longestLifetime } = situation;
  if (claims.vmUuid !== situation.vmUuid) return 'its claim "sub" is not the uuid of this VM';
  if (claims.podUid !== situation.podUid) return 'its claim "pod" is not the UID of this pod';
  if (claims.notBefore > now + CLOCK_SKEW_MS) return 'its claim "iat" or "nbf" is in the future';
  if (claims.expiresAt > now + longestLifetime + CLOCK_SKEW_MS)
    return `its claim "exp" is later than ${formatDuration(longestLifetime)} from now ("secret-token-lifetime")`;
  return null;
}
