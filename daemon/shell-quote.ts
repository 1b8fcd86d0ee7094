/** A word of a command for a shell, as it is where that will do. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/u.test(text) ? text : singleQuoted(text);
}

/** Text in single quotes of a shell, in which nothing but they themselves needs more. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
