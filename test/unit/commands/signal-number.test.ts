import { expect } from 'chai';

import { signalNumber } from '../../../daemon/commands/signal-number.ts';
import { UsageError } from '../../../daemon/commands/usage-error.ts';

describe('signalNumber()', () => {
  for (const [text, number] of [
    ['TERM', 15],
    ['SIGTERM', 15],
    ['kill', 9],
    ['sigint', 2],
    ['STOP', 19],
    ['15', 15],
    ['64', 64],
  ] as const)
    it(`reads "${text}" as ${number}`, () => {
      expect(signalNumber(text)).to.equal(number);
    });

  for (const text of ['', 'SIG', 'NOPE', '0', '-9', '015', '999', '9 ', '__proto__'])
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => signalNumber(text)).to.throw(UsageError, 'there is no such signal');
    });
});
