const alphabets = {
  base64: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
  base64url: /^[A-Za-z0-9_-]*$/,
} as const;

/** Decodes the one spelling that the bytes have: Node itself skips what it does not know. `null` for all others. */
export function decodeBase64(text: string, encoding: keyof typeof alphabets): Buffer | null {
  if (!alphabets[encoding].test(text)) return null;
  const bytes = Buffer.from(text, encoding);
  return bytes.toString(encoding) === text ? bytes : null;
}
