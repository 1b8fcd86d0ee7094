/** `npm run test:mutation [-- NAME...]`: takes one defence away at a time, and expects the tests to notice. Root. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MutatedCopy, runIn, type TestResult } from './mutated-copy.ts';
import type { Mutation } from './mutation.ts';
import { mutations } from './mutations.ts';
import { readReport, renderReport, type MutationResult, type Verdict } from './render-report.ts';

interface Judgement {
  readonly verdict: Verdict;
  /** The test that has noticed. */
  readonly noticedBy?: string;
  /** What was printed, where that says more than the verdict. */
  readonly output: string;
}

/** Only a test that failed has noticed: not a hook, not a crash, and not a run in which no test was found. */
function judgeFailure({ ok, output, outcome }: TestResult): Judgement {
  if (ok) return { verdict: 'NOT noticed', output };
  const [noticedBy] = outcome?.failed ?? [];
  return noticedBy === undefined
    ? { verdict: 'no test failed', output }
    : { verdict: 'noticed', noticedBy, output: '' };
}

/** The tests must pass without the mutation: else their failure with it says nothing. */
function judge(copy: MutatedCopy, mutation: Mutation): Judgement {
  const plain = copy.build(mutation);
  if (!plain.ok) return { verdict: 'fails without it', output: plain.output };
  const before = copy.test(mutation);
  if (!before.ok || before.outcome?.passed === 0)
    return { verdict: 'fails without it', output: before.output };
  return copy.mutated(mutation, () => {
    const built = copy.build(mutation);
    return built.ok ? judgeFailure(copy.test(mutation)) : { verdict: 'does not build', output: built.output };
  });
}

const root = join(import.meta.dirname, '../..');
const report = join(root, 'docs/mutation-report.md');
const commit = runIn(root, 'git', ['rev-parse', '--short=9', 'HEAD']).output.trim();
const wanted = process.argv.slice(2);
const chosen = wanted.length === 0 ? mutations : mutations.filter(({ name }) => wanted.includes(name));
if (chosen.length < wanted.length)
  throw new Error('Cannot run a mutation that is not in test/mutation/mutations.ts');
const results: MutationResult[] = [];
{
  using copy = new MutatedCopy();
  for (const mutation of chosen) {
    const begin = performance.now();
    const { verdict, noticedBy = '', output } = judge(copy, mutation);
    console.log(output.slice(-3000));
    const seconds = (performance.now() - begin) / 1000;
    console.log(`${verdict.padEnd(16)} ${seconds.toFixed(0).padStart(4)} s  ${mutation.name}: ${noticedBy}`);
    const result = { name: mutation.name, verdict, noticedBy, commit };
    results.push(result);
    // Read anew each time: another run may have added lines meanwhile.
    writeFileSync(report, renderReport(mutations, [...readReport(readFileSync(report, 'utf8')), result]));
  }
}
process.exitCode = results.every(({ verdict }) => verdict === 'noticed') ? 0 : 1;
