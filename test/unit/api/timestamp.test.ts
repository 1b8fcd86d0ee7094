import { expect } from 'chai';

import { fromTimestamp, toTimestamp } from '../../../daemon/api/timestamp.ts';

describe('toTimestamp()', () => {
  const cases = [
    ['2026-11-23T19:06:00.000Z', '1795460760', 0],
    ['2026-11-23T19:06:00.125Z', '1795460760', 125_000_000],
    ['1969-12-31T23:59:59.900Z', '-1', 900_000_000],
  ] as const;
  for (const [text, seconds, nanos] of cases) {
    it(`converts ${text}`, () => {
      expect(toTimestamp(new Date(text))).to.deep.equal({ seconds, nanos });
    });

    it(`is undone by fromTimestamp() for ${text}`, () => {
      expect(fromTimestamp({ seconds, nanos }).toISOString()).to.equal(text);
    });
  }

  it('throws for a date that is none', () => {
    expect(() => toTimestamp(new Date('soon'))).to.throw(RangeError);
  });
});
