import type { Mutation } from './mutation.ts';

export interface MutationResult {
  readonly name: string;
  readonly verdict: 'noticed' | 'NOT noticed' | 'does not build' | 'fails without it';
  /** The commit that was mutated. */
  readonly commit: string;
}

const head = `# What the tests notice

Made by \`npm run test:mutation\`: each line of the table is one defence that was switched off by a small change of the
source, in a copy of the tree, with the tests that had to fail then. They passed without the change. The last column is the
commit that this was tried on; a run of a few defences by name leaves the lines of the others as they are.

`;

/** The results in an earlier report. */
export function readReport(text: string): readonly MutationResult[] {
  const pattern = /^\| (\S+) \| .* \| (noticed|NOT noticed|does not build|fails without it) \| (\w+) \|$/gm;
  return [...text.matchAll(pattern)].map(([, name = '', verdict, commit = '']) => ({
    name,
    verdict: verdict as MutationResult['verdict'],
    commit,
  }));
}

/** The report as a Markdown document: of several results for one defence, the last one. */
export function renderReport(mutations: readonly Mutation[], results: readonly MutationResult[]): string {
  const known = new Map(results.map((result) => [result.name, result]));
  const rows = mutations.map(({ name, rows: ids, file, tests }) => {
    const { verdict, commit } = known.get(name) ?? { verdict: 'not tried yet', commit: '' };
    const cells = [
      name,
      ids.join(', '),
      `\`${file}\``,
      tests.map((each) => `\`${each}\``).join(', '),
      verdict,
    ];
    return `| ${cells.join(' | ')} | ${commit} |\n`;
  });
  const tried = mutations.flatMap(({ name }) => known.get(name) ?? []);
  const noticed = tried.filter(({ verdict }) => verdict === 'noticed').length;
  const table =
    '<!-- prettier-ignore -->\n| defence taken away | entries | in | tests | result | commit |\n' +
    '| --- | --- | --- | --- | --- | --- |\n';
  const untried = mutations.length - tried.length;
  return (
    `${head}${noticed} of ${tried.length} that were tried were noticed; ${untried} have not been tried yet.\n\n` +
    `${table}${rows.join('')}`
  );
}
