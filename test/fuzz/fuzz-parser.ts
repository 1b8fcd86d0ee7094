import { readCorpus, writeCorpus } from './corpus.ts';
import { CoverageMap } from './coverage-map.ts';
import { GuidedFuzzer } from './guided-fuzzer.ts';
import type { FuzzProgress } from './guided-fuzzer.ts';
import { Xorshift } from './xorshift.ts';

export interface FuzzOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Whether the corpus is to take what was found. */
  readonly keep: boolean;
}

/**
 * Fuzzes one of the daemon's parsers.
 * @throws Finding
 */
export async function fuzzParser(name: string, options: FuzzOptions): Promise<FuzzProgress> {
  const coverage = new CoverageMap();
  coverage.install();
  // Only now: what is imported before has no counters.
  const { fuzzTargets } = await import('./fuzz-targets.ts');
  const target = fuzzTargets.find((each) => each.name === name);
  if (target === undefined) throw new Error(`Cannot fuzz "${name}": there is no such fuzzer`);
  const fuzzer = new GuidedFuzzer(target, coverage, new Xorshift(options.seed));
  fuzzer.start([...target.seeds.map(toBuffer), ...readCorpus(name)]);
  const progress = fuzzer.run(1000 * options.seconds);
  if (options.keep) writeCorpus(name, fuzzer.minimised());
  return progress;
}

export function toBuffer(seed: string | Buffer): Buffer {
  return typeof seed === 'string' ? Buffer.from(seed, 'utf8') : seed;
}
