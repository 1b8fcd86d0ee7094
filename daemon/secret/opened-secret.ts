import type { SecretForm } from './secret-form.ts';
import type { Secret } from './secret.ts';
import type { TokenClaims } from './token-claims.ts';

/** What a domain shows, taken out of the form that it has. */
export interface OpenedSecret {
  readonly form: SecretForm;
  /** Where `fault` or `token` is set, one that equals no other, so that what follows takes its usual time. */
  readonly secret: Secret;
  /** Of the form `jwe`; `null` for the others, and where `fault` is set. */
  readonly claims: TokenClaims | null;
  /** Of the form `token`: what Kubernetes is to look at, without the prefix. */
  readonly token: Secret | null;
  /** Why there is no secret in it; `null` where there is. */
  readonly fault: string | null;
}
