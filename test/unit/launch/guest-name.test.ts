import { expect } from 'chai';
import { guestName } from '../../../daemon/launch/guest-name.ts';

describe('guestName', () => {
  const cases: readonly (readonly [argument: string, name: string | null])[] = [
    ['guest=vm,debug-threads=on', 'vm'],
    ['vm,process=x', 'vm'],
    ['debug-threads=on,guest=vm', 'vm'],
    ['vm,guest=other', 'other'],
    ['process=x,vm', null],
    ['guest=a,,b', 'a,b'],
    ['', null],
  ];
  for (const [argument, name] of cases)
    it(`reads ${JSON.stringify(argument)}`, () => {
      expect(guestName(argument)).to.equal(name);
    });

  it('looks at the first 16 options', () => {
    expect(guestName(`${'x,'.repeat(15)}guest=vm`)).to.equal('vm');
    expect(guestName(`${'x,'.repeat(16)}guest=vm`)).to.equal('x');
  });
});
