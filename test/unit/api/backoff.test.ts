import { expect } from 'chai';

import { backoffMs } from '../../../daemon/api/backoff.ts';

describe('backoffMs()', () => {
  const cases = [
    { failures: 0, least: 50, most: 100 },
    { failures: 1, least: 100, most: 200 },
    { failures: 5, least: 1_600, most: 3_200 },
    { failures: 6, least: 2_500, most: 5_000 },
    { failures: 5_000, least: 2_500, most: 5_000 },
  ];
  for (const { failures, least, most } of cases)
    it(`waits ${least} to ${most} ms after ${failures} earlier failures`, () => {
      expect(backoffMs(failures, () => 0)).to.equal(least);
      expect(backoffMs(failures, () => 1)).to.equal(most);
    });
});
