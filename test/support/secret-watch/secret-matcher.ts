/** Shorter texts, such as `wrong`, stand in many places by chance. */
const SHORTEST = 12;

/** Tells whether bytes contain one of the secrets, as it is or in one of the forms that programs write texts in. */
export class SecretMatcher {
  readonly #forms = new Map<string, readonly Buffer[]>();

  get count(): number {
    return this.#forms.size;
  }

  /** The length of the longest form. */
  get longest(): number {
    return [...this.#forms.values()].flat().reduce((longest, { length }) => Math.max(longest, length), 0);
  }

  /** Gives false for a text that is known, or too short to look for. */
  add(secret: string): boolean {
    const text = secret.trim();
    if (text.length < SHORTEST || this.#forms.has(text)) return false;
    this.#forms.set(text, formsOf(text));
    return true;
  }

  clear(): void {
    this.#forms.clear();
  }

  matches(bytes: Buffer): boolean {
    for (const forms of this.#forms.values()) if (forms.some((form) => bytes.includes(form))) return true;
    return false;
  }
}

function formsOf(text: string): readonly Buffer[] {
  const bytes = Buffer.from(text);
  const forms = [
    text,
    // Without what depends on the bytes after it.
    bytes.toString('base64').replace(/.?=*$/, ''),
    bytes.toString('hex'),
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
  ];
  return [...new Set(forms)].map((form) => Buffer.from(form));
}
