import { expect } from 'chai';

import { TokenBucket } from '../../daemon/token-bucket.ts';

describe('TokenBucket', () => {
  let time = 0;
  const makeBucket = (): TokenBucket => new TokenBucket({ perSecond: 5, burst: 10, now: () => time });
  const takes = (bucket: TokenBucket, count: number): number =>
    Array.from({ length: count }, () => bucket.take()).filter(Boolean).length;

  beforeEach(() => {
    time = 1_000_000;
  });

  it('allows the burst at once and no more', () => {
    expect(takes(makeBucket(), 50)).to.equal(10);
  });

  it('refills at its rate, in parts of a token too', () => {
    const bucket = makeBucket();
    takes(bucket, 10);
    time += 199;
    expect(bucket.take()).to.equal(false);
    time += 1;
    expect(bucket.take()).to.equal(true);
    expect(bucket.take()).to.equal(false);
  });

  it('saves up no more than the burst', () => {
    const bucket = makeBucket();
    takes(bucket, 10);
    time += 3_600_000;
    expect(takes(bucket, 50)).to.equal(10);
  });

  it('takes nothing away when the clock goes back', () => {
    const bucket = makeBucket();
    takes(bucket, 5);
    time -= 10_000;
    expect(takes(bucket, 50)).to.equal(5);
  });

  it('takes back what was not used, and saves up no more than the burst by that', () => {
    const bucket = makeBucket();
    takes(bucket, 10);
    bucket.giveBack(2);
    expect(takes(bucket, 50)).to.equal(2);
    bucket.giveBack(50);
    expect(takes(bucket, 50)).to.equal(10);
  });
});
