import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checklistIds, readChecklists, readTestTitles } from '../support/checklists.ts';

/** What nothing holds yet. Only ever gets shorter. */
const openNumbers: Readonly<Record<string, readonly number[]>> = {
  NS: [],
  SU: [],
  SV: [],
  AT: [],
};
const open = Object.entries(openNumbers).flatMap(([list, numbers]) =>
  numbers.map((number) => `${list}-${number}`),
);

/** Shorter than this is no argument. */
const LEAST_ARGUMENT = 40;

describe('docs/checklists.md', () => {
  const rows = readChecklists();

  it('has each of the 76 entries once, in order', () => {
    expect(checklistIds).to.have.lengthOf(76);
    expect(rows.map(({ id }) => id)).to.deep.equal(checklistIds);
  });

  it('marks as open what the list here does', () => {
    expect(rows.filter(({ isOpen }) => isOpen).map(({ id }) => id)).to.deep.equal(open);
  });

  it('names only tests that there are', function () {
    this.timeout(30_000);
    const missing = rows.flatMap(({ id, tests }) =>
      tests
        .filter(
          ({ file, title }) =>
            !existsSync(join(import.meta.dirname, '../..', file)) || !readTestTitles(file).includes(title),
        )
        .map(({ file, title }) => `${id}: ${file}: ${title}`),
    );
    expect(missing).to.deep.equal([]);
  });

  it('argues where it argues', () => {
    const short = rows.filter(({ arguments: reasons }) =>
      reasons.some((reason) => reason.length < LEAST_ARGUMENT),
    );
    expect(short.map(({ id }) => id)).to.deep.equal([]);
  });
});
