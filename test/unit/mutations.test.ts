import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mutations } from '../mutation/mutations.ts';
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
});
