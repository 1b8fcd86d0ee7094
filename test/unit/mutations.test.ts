import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mutations } from '../mutation/mutations.ts';
import { readReport, renderReport, type MutationResult } from '../mutation/render-report.ts';
import { unmutated } from '../mutation/unmutated.ts';
import { checklistIds } from '../support/checklists.ts';

const root = join(import.meta.dirname, '../..');

describe('the defences that a mutation run takes away', () => {
  it('are each in one place, which there is', () => {
    const wrong = mutations.filter(
      ({ file, search }) => readFileSync(join(root, file), 'utf8').split(search).length !== 2,
    );
    expect(wrong.map(({ name }) => name)).to.deep.equal([]);
  });

  it('have names of their own, entries of the checklists, and tests', () => {
    expect(new Set(mutations.map(({ name }) => name)).size).to.equal(mutations.length);
    for (const { name, rows, tests, search, replace } of mutations) {
      expect(checklistIds, name).to.include.members([...rows]);
      for (const file of tests) expect(existsSync(join(root, file)), `${name}: ${file}`).to.equal(true);
      expect(replace, name).to.not.equal(search);
    }
  });

  it('are different ones', () => {
    const edits = new Map<string, string>();
    for (const { name, file, search, replace } of mutations) {
      const edit = readFileSync(join(root, file), 'utf8').replace(search, () => replace);
      expect(edits.get(edit), `the same as ${name}`).to.equal(undefined);
      edits.set(edit, name);
    }
  });

  it('are of every entry of the checklists, or a reason says why not', () => {
    const known = [...mutations.flatMap(({ rows }) => rows), ...Object.keys(unmutated)];
    expect(checklistIds.filter((id) => !known.includes(id))).to.deep.equal([]);
    expect(checklistIds).to.include.members(Object.keys(unmutated));
  });
});

describe('the report of a mutation run', () => {
  const [first, second] = mutations;
  const result = (name: string | undefined, commit: string): MutationResult => ({
    name: name ?? '',
    verdict: 'noticed',
    noticedBy: 'a test | of two',
    commit,
  });

  it('is read as it was written, with the titles of the tests that failed, and without them where it is older', () => {
    const results = [
      result(first?.name, 'aaaaaaaaa'),
      { ...result(second?.name, 'aaaaaaaaa'), noticedBy: '' },
    ];
    expect(readReport(renderReport(mutations, results))).to.deep.equal(results);
    const older = `| ${first?.name} | NS-1 | \`stub/shim.c\` | \`a\`, \`b\` | noticed | aaaaaaaaa |\n`;
    expect(readReport(older)).to.deep.equal([{ ...result(first?.name, 'aaaaaaaaa'), noticedBy: '' }]);
  });

  it('says so where its lines are of several commits', () => {
    const render = (...results: readonly MutationResult[]): string => renderReport(mutations, results);
    const one = result(first?.name, 'aaaaaaaaa');
    expect(render(one, result(second?.name, 'bbbbbbbbb'))).to.match(
      /2 different commits.*: aaaaaaaaa, bbbbbbbbb/,
    );
    expect(render(one, result(second?.name, 'aaaaaaaaa'))).to.not.include('different commits');
  });
});
