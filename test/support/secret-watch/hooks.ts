import type { Context } from 'mocha';
import { runSecretWatch } from './run-secret-watch.ts';
import type { SecretCounts } from './secret-watch.ts';

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
    console.log(`  ${describe(searched)}`);
    const where = findings.map(({ kind, where, during }) => `${kind}: ${where} (during "${during}")`);
    if (where.length > 0)
      throw new Error(`A secret was found in what the driver wrote:\n${where.join('\n')}`);
    // A search of nothing finds nothing.
    if (isWholeRun()) requireAll(searched);
  },
};

/** Set by `npm test` without arguments: each kind of thing occurs then. */
function isWholeRun(): boolean {
  return process.env['KND_WHOLE_RUN'] === '1';
}

function describe({ secrets, files, answers, samples }: SecretCounts): string {
  const kinds = Object.entries(samples).map(([kind, count]) => `${count} of ${kind}`);
  return (
    `secret watch: ${secrets} secrets, searched for in ${files} files, ${answers} answers and the environments and ` +
    `command lines of processes: ${kinds.join(', ') || 'none'}`
  );
}

function requireAll({ secrets, files, answers, samples }: SecretCounts): void {
  const kinds = ['stub', 'broker', 'shim', 'emulator', 'daemon or command'];
  const missing = [
    ...Object.entries({ secrets, files, answers }).flatMap(([name, count]) => (count === 0 ? [name] : [])),
    ...kinds.filter((kind) => (samples[kind] ?? 0) === 0),
  ];
  if (missing.length > 0) throw new Error(`The secret watch has seen no ${missing.join(', no ')}: mend it`);
}
