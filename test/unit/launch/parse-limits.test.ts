import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { parseLimits } from '../../../daemon/launch/parse-limits.ts';

describe('parseLimits', () => {
  it('reads soft and hard limits, 64 bits and none at all included', () => {
    const text = [
      'Limit                     Soft Limit           Hard Limit           Units     ',
      'Max cpu time              unlimited            unlimited            seconds   ',
      'Max open files            1024                 524288               files     ',
      'Max locked memory         18446744073709551614 18446744073709551614 bytes     ',
      'Max realtime timeout      5                    unlimited            us        ',
      'Max something new         1                    2                    units     ',
      'Max open files            x                    2                    files     ',
    ].join('\n');
    expect(parseLimits(text)).to.deep.equal([
      { resource: 0, soft: null, hard: null },
      { resource: 7, soft: 1024n, hard: 524_288n },
      { resource: 8, soft: 2n ** 64n - 2n, hard: 2n ** 64n - 2n },
      { resource: 15, soft: 5n, hard: null },
    ]);
  });

  it('knows every limit of this kernel', () => {
    const limits = parseLimits(readFileSync('/proc/self/limits', 'latin1'));
    expect(limits.map(({ resource }) => resource).sort((a, b) => a - b)).to.deep.equal([...Array(16).keys()]);
  });
});
