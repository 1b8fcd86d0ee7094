import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { compatibilityRows } from '../compatibility/compatibility-rows.ts';
import { knownDifferences } from '../compatibility/known-differences.ts';
import { listDifferences } from '../compatibility/list-differences.ts';
import { renderCompatibility } from '../compatibility/render-compatibility.ts';
import { listResults } from '../compatibility/run-results.ts';

const page = join(import.meta.dirname, '../../docs/libvirt-compatibility.md');

describe('the page about compatibility', () => {
  it('is made from the results that are kept', async () => {
    const text = renderCompatibility(compatibilityRows, listResults(), knownDifferences);
    const formatted = await format(text, { ...(await resolveConfig(page)), filepath: page });
    expect(readFileSync(page, 'utf8'), 'run "npm run generate:docs"').to.equal(formatted);
  });

  it('has every operation tried in every mode by every run', () => {
    for (const { libvirt, observations } of listResults())
      for (const { operation } of compatibilityRows)
        for (const mode of ['bare', 'fork', 'exec'] as const)
          expect(observations[operation]?.[mode], `${libvirt}: ${operation}, ${mode}`).to.not.equal(
            undefined,
          );
  });

  it('names every difference that was seen', () => {
    for (const { libvirt, observations } of listResults())
      for (const [operation, { bare = {}, ...modes }] of Object.entries(observations))
        for (const [mode, observation] of Object.entries(modes)) {
          const known = knownDifferences.find((each) => each.operation === operation && each.mode === mode);
          expect(listDifferences(bare, observation), `${libvirt}: ${operation}, ${mode}`).to.deep.equal(
            known?.observed ?? {},
          );
        }
  });

  it('has no operation twice', () => {
    const names = compatibilityRows.map(({ operation }) => operation);
    expect(new Set(names).size).to.equal(names.length);
  });
});

describe('listDifferences', () => {
  it('gives what is different, more or less than in bare mode', () => {
    expect(listDifferences({ a: '1', b: '2', c: '3' }, { a: '1', b: '4', d: '5' })).to.deep.equal({
      b: '4',
      c: 'missing',
      d: '5',
    });
  });
});
