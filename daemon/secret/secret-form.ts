/** How a domain may carry its secret, from the weakest form to the strongest. */
export const secretForms = ['plain', 'rsa', 'jwe'] as const;

export type SecretForm = (typeof secretForms)[number];

/** In front of the base64 of an RSA-OAEP ciphertext. */
export const rsaPrefix = 'rsa-oaep-sha256:';

/** A compact JWE: five parts, of which the first is the base64url of a JSON object. */
const jweForm = /^eyJ[^.]*(?:\.[^.]*){4}$/;

/** The form of a text by its looks alone: what looks like a token is never taken for a plain secret. */
export function secretFormOf(text: string): SecretForm {
  if (text.startsWith(rsaPrefix)) return 'rsa';
  return jweForm.test(text) ? 'jwe' : 'plain';
}
