import { createHmac, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';

const redacted = '[redacted]';
const newline = 0x0a;
const randomLength = 32;

/** A secret that does not show itself: not in a template, not in JSON, not in a log, not in an inspected object. */
export class Secret {
  readonly #bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Editors and `echo` end a file with a newline, so one at the end does not count; a second one does. */
  static fromBytes(bytes: Uint8Array): Secret {
    const copy = Buffer.from(bytes);
    return new Secret(copy.at(-1) === newline ? copy.subarray(0, -1) : copy);
  }

  static fromText(text: string): Secret {
    return Secret.fromBytes(Buffer.from(text, 'utf8'));
  }

  /** One that nobody knows: a new one, or one that is compared where there is none to compare. */
  static random(): Secret {
    return Secret.fromText(randomBytes(randomLength).toString('base64url'));
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }

  /** HMAC-SHA256 of the secret: what may be compared without giving it away. */
  digest(key: Uint8Array): Buffer {
    return createHmac('sha256', key).update(this.#bytes).digest();
  }

  /** A copy of the bytes, for the few places that have to read, seal or write them. */
  reveal(): Buffer {
    return Buffer.from(this.#bytes);
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}
