import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mutation } from './mutation.ts';

export interface MutationResult {
  readonly mutation: Mutation;
  readonly verdict: 'noticed' | 'NOT noticed' | 'does not build' | 'fails without it';
  readonly seconds: number;
}

const head = `# What the tests notice

Made by \`npm run test:mutation\`: each line of the table is one defence that was switched off by a small change of the
source, in a copy of the tree, with the tests that had to fail then. They passed without the change.

`;

/** The report as a Markdown document. */
export function renderReport(results: readonly MutationResult[]): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
    version: string;
  };
  const rows = results.map(({ mutation, verdict }) => {
    const { name, rows: ids, file, tests } = mutation;
    return `| ${name} | ${ids.join(', ')} | \`${file}\` | ${tests.map((each) => `\`${each}\``).join(', ')} | ${verdict} |\n`;
  });
  const noticed = results.filter(({ verdict }) => verdict === 'noticed').length;
  const table =
    '<!-- prettier-ignore -->\n| defence taken away | entries | in | tests | result |\n| --- | --- | --- | --- | --- |\n';
  return `${head}${noticed} of ${results.length} were noticed, of version ${version}.\n\n${table}${rows.join('')}`;
}
