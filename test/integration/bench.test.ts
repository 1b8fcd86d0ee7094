import { expect } from 'chai';
import { median } from '../bench/figures.ts';
import { measureResolve } from '../bench/resolve.ts';
import { measureStartEmulator } from '../bench/start-emulator.ts';

/**
 * A small run of the benchmark, so that what makes the driver slow does not go unnoticed. Against peers in the same run, and
 * far from what is measured on a quiet machine: docs/performance.md has that.
 */
describe('the benchmark', function () {
  this.timeout(300_000);

  it('finds the pod of a VM far quicker than a search by ps and grep does', async () => {
    const { sizes } = await measureResolve([{ processes: 1000, pods: 3 }], 4);
    const [{ warm, pipeline } = { warm: [], pipeline: [] }] = sizes;
    expect(median(pipeline) / median(warm)).to.be.greaterThan(5);
  });

  it('starts an emulator in no more than a few times what runc exec takes', async () => {
    const { samples } = await measureStartEmulator(500, 12);
    const runc = median(samples['runc exec'] ?? []);
    for (const mode of ['fork', 'exec'])
      expect(median(samples[`${mode} mode, plain secret`] ?? []) / runc, mode).to.be.lessThan(4);
  });
});
