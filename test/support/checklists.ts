import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '../..');

/** One row of docs/checklists.md. */
export interface ChecklistRow {
  /** E.g. `SU-12`. */
  readonly id: string;
  readonly isOpen: boolean;
  /** Why no test can hold it, or a part of it. */
  readonly arguments: readonly string[];
  readonly tests: readonly { readonly file: string; readonly title: string }[];
}

const lengths = { NS: 25, SU: 17, SV: 16, AT: 18 } as const;

/** The entries that the register must have. */
export const checklistIds: readonly string[] = Object.entries(lengths).flatMap(([list, length]) =>
  Array.from({ length }, (_, index) => `${list}-${index + 1}`),
);

/** @throws Error for a cell that is none of `open`, `argued: …` and `` `file`: title ``, the last two joined by `<br>` */
export function readChecklists(): readonly ChecklistRow[] {
  const text = readFileSync(join(root, 'docs/checklists.md'), 'utf8');
  return [...text.matchAll(/^\| ([A-Z]{2}-\d+) \| [^|]+ \| ([^|]+) \|$/gm)].map(([, id = '', cell = '']) => {
    const parts = cell.split('<br>').map((part) => part.trim());
    if (parts[0] === 'open' && parts.length === 1) return { id, isOpen: true, arguments: [], tests: [] };
    const tests = parts.flatMap((part) => {
      const [, file, title] = /^`(test\/[^`]+\.test\.ts)`: (.+)$/.exec(part) ?? [];
      return file === undefined || title === undefined ? [] : [{ file, title }];
    });
    const reasons = parts.flatMap((part) => /^argued: (.+)$/.exec(part)?.[1] ?? []);
    if (tests.length + reasons.length !== parts.length)
      throw new Error(`Cannot read the row of ${id} in docs/checklists.md: "${cell}"`);
    return { id, isOpen: false, arguments: reasons, tests };
  });
}

/** The names of the tests in a file, with `…` for each expression of a template. */
export function readTestTitles(file: string): readonly string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'it') {
      const [title] = node.arguments;
      if (title !== undefined && ts.isStringLiteralLike(title)) titles.push(title.text);
      if (title !== undefined && ts.isTemplateExpression(title))
        titles.push([title.head.text, ...title.templateSpans.map(({ literal }) => literal.text)].join('…'));
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2023));
  return titles;
}
