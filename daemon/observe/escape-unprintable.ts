/**
 * JSON whose strings have nothing but printable ASCII in them, and the same values: nothing that a caller or a pod has
 * named can end a line, turn it around or reach for the terminal of who reads it.
 */
export function escapeToAscii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, escapeUnits);
}

/** The same for people: what other scripts than Latin have of letters stays as it is. */
export function escapeUnprintable(json: string): string {
  return json.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escapeUnits);
}

function escapeUnits(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => String.raw`\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
}
