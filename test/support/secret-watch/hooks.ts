import type { Context } from 'mocha';
import { runSecretWatch } from './run-secret-watch.ts';
import { describeCounts, listMissing } from './secret-counts.ts';

/** Mocha's root hooks: around all tests of all files, so that a secret that got out fails the run. */
export const mochaHooks = {
  beforeAll(): void {
    runSecretWatch.start();
  },

  beforeEach(this: Context): void {
    runSecretWatch.during = this.currentTest?.fullTitle() ?? '';
  },

  async afterAll(this: Context): Promise<void> {
    this.timeout(30_000);
    const { counts, findings } = runSecretWatch;
    if (counts.secrets === 0 && !isWholeRun()) return;
    await runSecretWatch.stop();
    const searched = runSecretWatch.counts;
    console.log(`  ${describeCounts(searched)}`);
    const where = findings.map(({ kind, where, during }) => `${kind}: ${where} (during "${during}")`);
    if (where.length > 0)
      throw new Error(`A secret was found in what the driver wrote:\n${where.join('\n')}`);
    const missing = isWholeRun() ? listMissing(searched) : [];
    if (missing.length > 0) throw new Error(`The secret watch has seen no ${missing.join(', no ')}: mend it`);
  },
};

/** Set by `npm test` without arguments: each kind of thing occurs then. */
function isWholeRun(): boolean {
  return process.env['KND_WHOLE_RUN'] === '1';
}
