import { expect } from 'chai';
import { resolvesWithin } from '../../daemon/resolves-within.ts';

describe('resolvesWithin()', () => {
  it('tells whether it was in time', async () => {
    expect(await resolvesWithin(Promise.resolve(), 60_000)).to.equal(true);
    expect(await resolvesWithin(new Promise(() => undefined), 1)).to.equal(false);
  });

  it('rejects as the promise does, and then only', async () => {
    const error = new Error('no');
    const rejected = await resolvesWithin(Promise.reject(error), 60_000).catch((reason: unknown) => reason);
    expect(rejected).to.equal(error);
  });
});
