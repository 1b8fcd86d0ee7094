import { expect } from 'chai';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { corpusFile, readCorpus } from '../../fuzz/corpus.ts';
import { toBuffer } from '../../fuzz/fuzz-parser.ts';
import { fuzzedPrograms } from '../../fuzz/fuzz-program.ts';
import { fuzzTargets } from '../../fuzz/fuzz-targets.ts';

describe('the corpora of the fuzzers', () => {
  for (const { name, seeds, run } of fuzzTargets)
    it(`${name}: every property holds for every input that was kept`, function () {
      this.timeout(60_000);
      const kept = readCorpus(name);
      expect(kept).not.to.be.empty;
      for (const input of [...seeds.map(toBuffer), ...kept]) run(input);
    });

  it('are small, and each belongs to a fuzzer', () => {
    const directory = dirname(corpusFile('any'));
    const files = readdirSync(directory);
    const names = [...fuzzTargets, ...fuzzedPrograms].map(({ name }) => `${name}.txt`);
    expect(files).to.have.members(names);
    const size = files.reduce((sum, file) => sum + statSync(join(directory, file)).size, 0);
    expect(size).to.be.below(1 << 20);
  });
});
