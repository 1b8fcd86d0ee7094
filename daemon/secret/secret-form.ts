/** How a domain may carry the secret that its pod holds, from the weakest form to the strongest. */
export const heldForms = ['plain', 'rsa', 'jwe'] as const;

/** How a domain may carry a secret: `token` is one that the pod need not hold, since Kubernetes vouches for it. */
export const secretForms = [...heldForms, 'token'] as const;

export type SecretForm = (typeof secretForms)[number];

/** In front of the base64 of an RSA-OAEP ciphertext. */
export const rsaPrefix = 'rsa-oaep-sha256:';

/** In front of a ServiceAccount token that is bound to a pod. */
export const tokenPrefix = 'service-account-token:';

/** A compact JWE: five parts, of which the first is the base64url of a JSON object. */
const jweForm = /^eyJ[^.]*(?:\.[^.]*){4}$/;

/** The form of a text by its looks alone: what looks like a token is never taken for a plain secret. */
export function secretFormOf(text: string): SecretForm {
  if (text.startsWith(rsaPrefix)) return 'rsa';
  if (text.startsWith(tokenPrefix)) return 'token';
  return jweForm.test(text) ? 'jwe' : 'plain';
}
