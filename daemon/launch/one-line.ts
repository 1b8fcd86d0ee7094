/**
 * Text that may hold what a domain's author or a pod has chosen, fit for a person's terminal: one line without control
 * or formatting characters.
 */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}
