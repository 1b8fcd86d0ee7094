/** A line of text for mdoc(7): nothing in it is taken for a request. */
export function mdocText(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return /^[.']/u.test(escaped) ? `\\&${escaped}` : escaped;
}

/** Lines that are shown as they are. */
export function mdocLiteral(text: string): string {
  return `.Bd -literal\n${text.trimEnd().split('\n').map(mdocText).join('\n')}\n.Ed`;
}

/** Text of Markdown, one paragraph, with code in bold and without links; lines end with sentences, and at 78 characters. */
export function mdocParagraph(markdown: string): string {
  const words = markdown.replaceAll(/\[([^\]]+)\]\([^)]+\)/gu, '$1').split(/\s+/u);
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line.endsWith('.') || (line !== '' && line.length + word.length > 78)) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  const text = [...lines, line].map(mdocText).join('\n');
  return text.replaceAll(/`([^`]+)`/gu, '\\fB$1\\fR');
}
