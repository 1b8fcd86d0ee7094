import { compactDecrypt } from 'jose';

import { decodeBase64 } from './decode-base64.ts';
import type { OpenedSecret } from './opened-secret.ts';
import type { PrivateKey } from './private-key.ts';
import { rsaPrefix, secretFormOf, tokenPrefix, type SecretForm } from './secret-form.ts';
import { Secret } from './secret.ts';
import { parseTokenClaims } from './token-claims.ts';
import { TokenFault } from './token-fault.ts';
import { parseTokenHeader, tokenAlgorithm, tokenEncryption } from './token-header.ts';

/** Of a token; as much as a pod's file may have. */
const MAX_LENGTH = 16 * 1024;

/** A compact JWS: three parts, of which the first is the base64url of a JSON object. */
const jwtForm = /^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

const decryptOptions = {
  keyManagementAlgorithms: [tokenAlgorithm],
  contentEncryptionAlgorithms: [tokenEncryption],
  maxDecompressedLength: 0,
};

/** Where the keys come from, as they are at the time of a call. */
export interface KeySource {
  current(): Promise<readonly PrivateKey[]>;
}

/**
 * Takes the secret out of what a domain shows. Whatever is wrong with a token, as much is decrypted for it as for a
 * good one of its form; where there is nothing to decrypt, a decoy is.
 */
export class SecretOpener {
  readonly #forms: ReadonlySet<SecretForm>;
  readonly #keys: KeySource;

  constructor(forms: Iterable<SecretForm>, keys: KeySource) {
    this.#forms = new Set(forms);
    this.#keys = keys;
  }

  /** Never rejects for what is shown: that is the `fault` of the answer. */
  async open(shown: Secret): Promise<OpenedSecret> {
    const text = shown.reveal().toString('latin1');
    const form = secretFormOf(text);
    try {
      if (form === 'plain') {
        this.#checkForm(form);
        return { form, secret: shown, claims: null, token: null, fault: null };
      }
      if (form === 'token') return this.#openToken(text.slice(tokenPrefix.length));
      const keys = await this.#keys.current();
      return form === 'rsa' ? await this.#openRsa(text, keys) : await this.#openJwe(text, keys);
    } catch (error) {
      if (!(error instanceof TokenFault)) throw error;
      return { form, secret: Secret.random(), claims: null, token: null, fault: error.message };
    }
  }

  async #openRsa(text: string, keys: readonly PrivateKey[]): Promise<OpenedSecret> {
    const sealed = text.length <= MAX_LENGTH ? decodeBase64(text.slice(rsaPrefix.length), 'base64') : null;
    const attempts = await Promise.allSettled(
      keys.map(({ key, size, decoy }) => {
        const fits = sealed?.length === size;
        const decrypted = crypto.subtle.decrypt('RSA-OAEP', key, Uint8Array.from(fits ? sealed : decoy));
        return decrypted.then((bytes) => (fits ? bytes : null));
      }),
    );
    this.#checkForm('rsa');
    if (sealed === null) throw new TokenFault(`what follows "${rsaPrefix}" is not base64, or too long`);
    checkKeys(keys);
    const [plaintext] = attempts.flatMap((each) => (each.status === 'fulfilled' ? (each.value ?? []) : []));
    if (plaintext === undefined)
      throw new TokenFault(
        'none of the keys of this node opens it with OAEP and SHA-256 for both of its hashes',
      );
    const bytes = new Uint8Array(plaintext);
    const secret = Secret.fromBytes(bytes);
    bytes.fill(0);
    return { form: 'rsa', secret, claims: null, token: null, fault: null };
  }

  async #openJwe(token: string, keys: readonly PrivateKey[]): Promise<OpenedSecret> {
    const { key, fault } = chooseKey(token, keys);
    const subject = key ?? keys[0];
    const plaintext = subject && (await decryptToken(key === null ? subject.decoyToken : token, subject));
    this.#checkForm('jwe');
    if (fault !== null) throw fault;
    if (plaintext === undefined)
      throw new TokenFault('the key that it names does not open it: it was sealed for another, or changed');
    const claims = parseTokenClaims(plaintext);
    plaintext.fill(0);
    return { form: 'jwe', secret: claims.secret, claims, token: null, fault: null };
  }

  /** Whether it is a good one, Kubernetes says: only what could be none at all is kept from it. */
  #openToken(token: string): OpenedSecret {
    this.#checkForm('token');
    if (token.length > MAX_LENGTH) throw new TokenFault(`it is longer than ${MAX_LENGTH} bytes`);
    if (!jwtForm.test(token))
      throw new TokenFault(`what follows "${tokenPrefix}" is no token of a ServiceAccount`);
    return {
      form: 'token',
      secret: Secret.random(),
      claims: null,
      token: Secret.fromText(token),
      fault: null,
    };
  }

  #checkForm(form: SecretForm): void {
    if (!this.#forms.has(form))
      throw new TokenFault(`the form ${form} is not accepted on this node ("secret-forms")`);
  }
}

type Choice =
  { readonly key: PrivateKey; readonly fault: null } | { readonly key: null; readonly fault: TokenFault };

function chooseKey(token: string, keys: readonly PrivateKey[]): Choice {
  try {
    if (token.length > MAX_LENGTH) throw new TokenFault(`it is longer than ${MAX_LENGTH} bytes`);
    const { kid } = parseTokenHeader(token);
    checkKeys(keys);
    const key = keys.find((each) => each.kid === kid);
    if (key === undefined) throw new TokenFault(`no key of this node has its "kid" (${kid})`);
    return { key, fault: null };
  } catch (error) {
    if (error instanceof TokenFault) return { key: null, fault: error };
    throw error;
  }
}

function checkKeys(keys: readonly PrivateKey[]): void {
  if (keys.length === 0) throw new TokenFault('this node has no private key that it can use ("secret-keys")');
}

/** Undefined for whatever is wrong: jose goes on with a random key where OAEP fails, so that even time does not tell. */
async function decryptToken(token: string, { key }: PrivateKey): Promise<Uint8Array | undefined> {
  try {
    const { plaintext } = await compactDecrypt(token, key, decryptOptions);
    return plaintext;
  } catch {
    return undefined;
  }
}
