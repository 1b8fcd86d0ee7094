import type { Mutation } from './mutation.ts';
import { unmutated } from './unmutated.ts';

const verdicts = ['noticed', 'NOT noticed', 'no test failed', 'does not build', 'fails without it'] as const;
export type Verdict = (typeof verdicts)[number];

export interface MutationResult {
  readonly name: string;
  readonly verdict: Verdict;
  /** The title of the first test that failed; empty where none did. */
  readonly noticedBy: string;
  /** The commit that was mutated. */
  readonly commit: string;
}

const head = `# What the tests notice

Made by \`npm run test:mutation\`: each line of the table is one defence that was switched off by a small change of the
source, in a copy of the tree, with the tests that had to fail then. They passed without the change, and what was changed
still compiled. "Noticed" means that a test failed, the one that the line names, and not a hook, the build or mocha itself.
The last column is the commit that this was tried on; a run of a few defences by name leaves the lines of the others as
they are.

Some tests prove a defence themselves, by a driver without it that they build or by a switch of their own. They have to see
the attack succeed there: \`ANY_TARGET\` (a shim that enters whatever has the pid) in \`test/hostile/pid-reuse.test.ts\`,
\`TRACEABLE\` (what enters a pod is dumpable) in \`test/hostile/entry-race.test.ts\`, \`FOLLOW_LINKS_PLAINLY\` (paths are opened
as they are) in \`test/hostile/entry-paths.test.ts\`.

`;

/** The results in an earlier report; those from before titles were noted have none. */
export function readReport(text: string): readonly MutationResult[] {
  const pattern = new RegExp(
    `^\\| (\\S+) \\| .* \\| (${verdicts.join('|')}) \\|(?: (.*?) ?\\|)? (\\w+) \\|$`,
    'gm',
  );
  return [...text.matchAll(pattern)].map(([, name = '', verdict, noticedBy = '', commit = '']) => ({
    name,
    verdict: verdict as Verdict,
    noticedBy: noticedBy.replaceAll('&#124;', '|'),
    commit,
  }));
}

/** The report as a Markdown document: of several results for one defence, the last one. */
export function renderReport(mutations: readonly Mutation[], results: readonly MutationResult[]): string {
  const known = new Map(results.map((result) => [result.name, result]));
  const rows = mutations.map(({ name, rows: ids, file, tests }) => {
    const { verdict, noticedBy, commit } = known.get(name) ?? {
      verdict: 'not tried yet',
      noticedBy: '',
      commit: '',
    };
    const cells = [
      name,
      ids.join(', '),
      `\`${file}\``,
      tests.map((each) => `\`${each}\``).join(', '),
      verdict,
      noticedBy.replaceAll('|', '&#124;'),
    ];
    return `| ${cells.join(' | ')} | ${commit} |\n`;
  });
  const tried = mutations.flatMap(({ name }) => known.get(name) ?? []);
  const noticed = tried.filter(({ verdict }) => verdict === 'noticed').length;
  const table =
    '<!-- prettier-ignore -->\n| defence taken away | entries | in | tests | result | by | commit |\n' +
    '| --- | --- | --- | --- | --- | --- | --- |\n';
  const untried = mutations.length - tried.length;
  return (
    `${head}${describeCommits(tried)}` +
    `${noticed} of ${tried.length} that were tried were noticed; ${untried} have not been tried yet.\n\n` +
    `${table}${rows.join('')}${describeUnmutated()}`
  );
}

/** A table that was put together says less than a run of one commit. */
function describeCommits(tried: readonly MutationResult[]): string {
  const commits = [...new Set(tried.map(({ commit }) => commit))];
  return commits.length > 1
    ? `**The lines are of ${commits.length} different commits, not of one run**: ${commits.join(', ')}.\n\n`
    : '';
}

function describeUnmutated(): string {
  const lines = Object.entries(unmutated).map(([id, reason]) => `- ${id}: ${reason}\n`);
  return lines.length === 0 ? '' : `\n## Entries without a mutation\n\n${lines.join('')}`;
}
