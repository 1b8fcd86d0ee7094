import { expect } from 'chai';
import { fullJitterMs } from '../../../daemon/kubernetes/full-jitter.ts';

describe('fullJitterMs', () => {
  const range = { firstMs: 1000, longestMs: 30_000 };
  it('takes anything up to a bound that doubles', () => {
    const longest = [1, 2, 3, 4, 5, 6, 1000].map((failures) => fullJitterMs(failures, range, () => 1));
    expect(longest).to.deep.equal([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(fullJitterMs(6, range, () => 0)).to.equal(0);
    expect(fullJitterMs(6, range, () => 0.5)).to.equal(15_000);
  });
});
