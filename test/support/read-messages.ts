import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '../..');

/** A text that people may see, with `…` for each part that is only known when it is said. */
export interface Message {
  readonly file: string;
  readonly text: string;
}

/** The message of a refusal, as it stands in the source. */
export interface RefusalMessage extends Message {
  readonly code: string;
}

/** A string, a template, or a sum of them; undefined for other expressions. */
function textOf(node: ts.Expression): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('…');
  if (ts.isParenthesizedExpression(node)) return textOf(node.expression);
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  if (left === undefined && right === undefined) return undefined;
  return `${left ?? '…'}${right ?? '…'}`;
}

function visitDaemon(visit: (node: ts.Node, file: string) => void): void {
  for (const file of globSync('daemon/**/*.ts', { cwd: root })) {
    const walk = (node: ts.Node): void => {
      visit(node, file);
      ts.forEachChild(node, walk);
    };
    walk(ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.ES2023, true));
  }
}

/** What `new Refusal(CODE, MESSAGE` is given in the daemon, and what is made like it. */
export function readRefusals(): readonly RefusalMessage[] {
  const found: RefusalMessage[] = [];
  visitDaemon((node, file) => {
    if (!ts.isNewExpression(node) || !ts.isIdentifier(node.expression)) return;
    const [first, second, , fourth] = node.arguments ?? [];
    const text = second && textOf(second);
    if (text === undefined) return;
    if (node.expression.text === 'Limited')
      found.push({ file, text, code: (fourth && textOf(fourth)) ?? 'busy' });
    const code = first && textOf(first);
    if (code === undefined) return;
    if (node.expression.text === 'Refusal') found.push({ file, text, code });
    if (node.expression.text === 'ProtocolError') found.push({ file, text, code: 'protocol' });
  });
  return found;
}

/** All texts of the daemon and its commands. */
export function readDaemonTexts(): readonly Message[] {
  const found: Message[] = [];
  visitDaemon((node, file) => {
    const text = ts.isExpression(node) ? textOf(node) : undefined;
    if (text !== undefined) found.push({ file, text });
  });
  return found;
}

/** What the programs in C say: texts that begin with "Cannot", with what the preprocessor knows filled in. */
export function readProgramTexts(): readonly Message[] {
  return globSync('stub/*.c', { cwd: root }).flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8').replaceAll('LAUNCH_SOCKET', '"…"');
    return [...source.matchAll(/"Cannot (?:[^"\\]|\\.|"\s*")*"/gu)].map(([literal]) => ({
      file,
      text: literal
        .slice(1, -1)
        .replaceAll(/(?<!\\)"\s*"/gu, '')
        .replaceAll('\\"', '"')
        .replaceAll(/%[.\d]*[a-z]/gu, '…'),
    }));
  });
}
