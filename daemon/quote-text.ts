const longest = 80;

/**
 * Text from outside, made fit for a message: in double quotes, whatever does not print escaped, cut after 80
 * characters.
 */
export function quoteText(text: string): string {
  const characters = Array.from(text.slice(0, 2 * longest + 2));
  const shown = characters.slice(0, longest).map(escapeCharacter).join('');
  return characters.length > longest ? `"${shown}…"` : `"${shown}"`;
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  if (character === '\t') return '\\t';
  // Controls, format characters (which can turn a line around), lone surrogates, separators other than the space.
  if (character === ' ' || !/[\p{C}\p{Z}]/u.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  const hexadecimal = code.toString(16);
  return code <= 0xff ? `\\x${hexadecimal.padStart(2, '0')}` : `\\u{${hexadecimal}}`;
}
