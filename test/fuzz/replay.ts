import { readCorpus } from './corpus.ts';
import { toBuffer } from './fuzz-parser.ts';
import { fuzzTargets } from './fuzz-targets.ts';

/** `node test/fuzz/replay.ts`: every kept input once, for c8 to see which lines they reach. */
for (const { name, seeds, run } of fuzzTargets)
  for (const input of [...seeds.map(toBuffer), ...readCorpus(name)]) run(input);
