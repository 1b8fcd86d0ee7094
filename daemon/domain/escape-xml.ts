/** Text for an element or a quoted attribute. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>'"]/gu, (character) => `&#${character.charCodeAt(0)};`);
}
