import { decodeBase64 } from '../secret/decode-base64.ts';
import { fieldOf } from './pod-view.ts';

/**
 * `exp` as the token itself says it, in milliseconds since 1970: true once Kubernetes has accepted the token. Never
 * later than it is; `null` where it says none.
 */
export function tokenExpiry(token: string): number | null {
  const payload = decodeBase64(token.split('.')[1] ?? '', 'base64url');
  try {
    const claims: unknown = JSON.parse(payload?.toString('utf8') ?? '');
    const exp = fieldOf(claims, 'exp');
    return typeof exp === 'number' && exp > 0 && exp < 1e11 ? exp * 1000 : null;
  } catch {
    return null;
  }
}
