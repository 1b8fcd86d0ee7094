import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { compatibilityRows } from '../compatibility/compatibility-rows.ts';
import { knownDifferences } from '../compatibility/known-differences.ts';
import { listDifferences } from '../compatibility/list-differences.ts';
import { renderCompatibility } from '../compatibility/render-compatibility.ts';
import { listResults, writeResults } from '../compatibility/run-results.ts';

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

describe('writeResults', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'knd-results-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const versions = { libvirt: '1.2.3', qemu: '4.5.6', system: 'Debian' };
  const read = (): unknown => JSON.parse(readFileSync(join(directory, 'libvirt-1.2.3.json'), 'utf8'));

  it('adds what a run has seen to what earlier ones have', () => {
    writeResults(
      { ...versions, observations: { a: { bare: { x: '1' } }, b: { bare: { x: '2' } } } },
      directory,
    );
    writeResults(
      { ...versions, observations: { a: { fork: { x: '3' } }, b: { bare: { x: '4' } } } },
      directory,
    );
    expect(read()).to.deep.equal({
      ...versions,
      observations: { a: { bare: { x: '1' }, fork: { x: '3' } }, b: { bare: { x: '4' } } },
    });
  });

  it('does not mix what was seen on two systems', () => {
    writeResults({ ...versions, observations: { a: { bare: { x: '1' } } } }, directory);
    const other = { ...versions, system: 'Debian, systemd', observations: { a: { bare: { x: '2' } } } };
    expect(() => writeResults(other, directory)).to.throw(
      /^Cannot add .* Debian, systemd .* remove that file/,
    );
    expect(read()).to.deep.equal({ ...versions, observations: { a: { bare: { x: '1' } } } });
  });
});
