import { expect } from 'chai';
import { formatDuration } from '../../../daemon/secret/format-duration.ts';

describe('formatDuration', () => {
  const cases: readonly [number, string][] = [
    [-5, '0 s'],
    [999, '0 s'],
    [1000, '1 s'],
    [600_000, '10 min'],
    [723_000, '12 min 3 s'],
    [3_600_000, '1 h'],
    [90_061_000, '1 d 1 h'],
  ];
  for (const [milliseconds, text] of cases)
    it(`says "${text}" for ${milliseconds} ms`, () => {
      expect(formatDuration(milliseconds)).to.equal(text);
    });
});
