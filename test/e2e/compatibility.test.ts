import { expect } from 'chai';
import type { Observation, StageMode } from '../compatibility/compatibility-row.ts';
import { compatibilityRows } from '../compatibility/compatibility-rows.ts';
import { describeVersions } from '../compatibility/describe-versions.ts';
import { knownDifferences } from '../compatibility/known-differences.ts';
import { listDifferences } from '../compatibility/list-differences.ts';
import { readResults, writeResults } from '../compatibility/run-results.ts';
import { Stage } from '../compatibility/stage.ts';
import { skip } from '../support/skip.ts';

/** A directory: the page is made anew from what is put there. */
const keep = process.env['KND_KEEP_RESULTS'];
/** What each operation came to, by its name, in each mode so far. */
const seen: Record<string, Partial<Record<StageMode, Observation>>> = {};
let versions: ReturnType<typeof describeVersions> | undefined;

/** At once, since a run on an emulated processor may be cut short. */
async function keepObservation(operation: string, mode: StageMode, observation: Observation): Promise<void> {
  versions ??= describeVersions();
  if (keep !== undefined)
    writeResults({ ...(await versions), observations: { [operation]: { [mode]: observation } } }, keep);
}

/** In bare mode, in this run or an earlier part of it. */
async function findBare(operation: string): Promise<Observation> {
  versions ??= describeVersions();
  const { libvirt } = await versions;
  const earlier = keep === undefined ? undefined : readResults(libvirt, keep)?.observations[operation]?.bare;
  const bare = seen[operation]?.bare ?? earlier;
  if (bare === undefined) throw new Error('There is nothing to compare with: it failed in bare mode');
  return bare;
}

for (const mode of ['bare', 'fork', 'exec'] as const)
  describe(`libvirt with QEMU in ${mode} mode`, function () {
    this.timeout(90_000);
    let stage: Stage;

    before(async () => {
      stage = await Stage.open(mode);
    });
    after(() => stage.close());

    // A group can be run alone: --grep 'mode Tuning:'
    for (const { group, operation, run } of compatibilityRows)
      it(`${group}: ${operation}`, async () => {
        const observation = await run(stage);
        (seen[operation] ??= {})[mode] = observation;
        await keepObservation(operation, mode, observation);
        if (mode === 'bare') return;
        const known = knownDifferences.find((each) => each.operation === operation && each.mode === mode);
        expect(listDifferences(await findBare(operation), observation)).to.deep.equal(known?.observed ?? {});
      });
  });

describe("what libvirt's operations come to in all modes", () => {
  it('is what docs/libvirt-compatibility.md says', async function () {
    if (keep !== undefined) return;
    const { libvirt } = await describeVersions();
    const kept = readResults(libvirt);
    if (kept === undefined) skip(this, `the page says nothing of libvirt ${libvirt}`);
    for (const [operation, modes] of Object.entries(seen))
      for (const [mode, observation] of Object.entries(modes))
        expect(observation, `${operation}, ${mode}`).to.deep.equal(
          kept.observations[operation]?.[mode as StageMode],
        );
  });
});
