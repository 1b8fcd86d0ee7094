import { expect } from 'chai';
import type { Observation, StageMode } from '../compatibility/compatibility-row.ts';
import { compatibilityRows } from '../compatibility/compatibility-rows.ts';
import { describeVersions } from '../compatibility/describe-versions.ts';
import { knownDifferences } from '../compatibility/known-differences.ts';
import { listDifferences } from '../compatibility/list-differences.ts';
import { readResults, writeResults } from '../compatibility/run-results.ts';
import { Stage } from '../compatibility/stage.ts';
import { skip } from '../support/skip.ts';

/** What each operation came to, by its name, in each mode so far. */
const seen: Record<string, Partial<Record<StageMode, Observation>>> = {};

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
        const observations = (seen[operation] ??= {});
        observations[mode] = observation;
        if (mode === 'bare') return;
        const { bare } = observations;
        if (bare === undefined) throw new Error('There is nothing to compare with: it failed in bare mode');
        const known = knownDifferences.find((each) => each.operation === operation && each.mode === mode);
        expect(listDifferences(bare, observation)).to.deep.equal(known?.observed ?? {});
      });
  });

describe("what libvirt's operations come to in all modes", () => {
  /** A directory: the page is made anew from what is put there. */
  const keep = process.env['KND_KEEP_RESULTS'];

  it('is what docs/libvirt-compatibility.md says', async function () {
    const versions = await describeVersions();
    if (keep !== undefined) writeResults({ ...versions, observations: seen }, keep);
    const kept = readResults(versions.libvirt);
    if (kept === undefined) skip(this, `the page says nothing of libvirt ${versions.libvirt}`);
    if (keep !== undefined) return;
    for (const [operation, modes] of Object.entries(seen))
      for (const [mode, observation] of Object.entries(modes))
        expect(observation, `${operation}, ${mode}`).to.deep.equal(
          kept.observations[operation]?.[mode as StageMode],
        );
  });
});
