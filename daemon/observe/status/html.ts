/** Text that may stand in a page as it is. Only {@link html} makes it, and {@link trustedHtml} of what is our own. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type HtmlPart = string | number | Html | readonly HtmlPart[] | null;

/**
 * A piece of a page: whatever is put into it that is not itself a piece is text, and stays text, in content as in quoted
 * attributes.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  return new Html(strings.map((text, index) => text + render(parts[index] ?? null)).join(''));
}

/** For a constant of ours, such as a style sheet. Never for text from anywhere else. */
export function trustedHtml(text: string): Html {
  return new Html(text);
}

function render(part: HtmlPart): string {
  if (part === null) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'object') return part.map(render).join('');
  return escapeText(String(part));
}

const entities: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
]);

/** What controls or reorders text is shown as a box: it could make a page say something else than it does. */
function escapeText(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\ufffd')
    .replaceAll(/[&<>"']/g, (character) => entities.get(character) ?? '');
}
