import { expect } from 'chai';
import { LineLimits } from '../../../daemon/launch/line-limits.ts';

describe('LineLimits', () => {
  let time: number;
  let lines: LineLimits;

  beforeEach(() => {
    time = 0;
    lines = new LineLimits({ perSecond: 10, burst: 3, now: () => time });
  });

  const take = (count: number, origin: string): readonly (number | null)[] =>
    Array.from({ length: count }, () => lines.take('secret-mismatch', origin));

  it('gives so many at once, and tells with the next how many it left out', () => {
    expect(take(5, 'a')).to.deep.equal([0, 0, 0, null, null]);
    time = 100;
    expect(take(2, 'a')).to.deep.equal([2, null]);
  });

  it('counts each origin and each code by itself', () => {
    take(9, 'a');
    expect(take(1, 'b')).to.deep.equal([0]);
    expect(lines.take('protocol', 'a')).to.equal(0);
    expect(lines.take('lost', 'a')).to.equal(0);
  });

  it('gives those of many origins no more than one of them has, once they are too many', () => {
    for (let i = 0; i < 32; i++) take(3, `${i}`);
    const given = Array.from({ length: 1000 }, (_, i) => take(3, `other ${i}`)).flat();
    expect(given.filter((each) => each !== null)).to.have.lengthOf(3);
  });

  it('forgets who has been quiet, for others, and tells what they left out', () => {
    for (let i = 0; i < 32; i++) take(5, `${i}`);
    time = 300;
    expect(take(4, 'new')).to.deep.equal([0, 0, 0, null]);
    for (let i = 1; i < 32; i++) take(1, `new ${i}`);
    expect(take(1, 'one too many')).to.deep.equal([64]);
  });
});
