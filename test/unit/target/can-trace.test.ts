import { expect } from 'chai';
import { canTrace } from '../../../daemon/target/can-trace.ts';
import { parseStatus } from '../../../daemon/target/parse-status.ts';

const judge = (bounding: string): boolean | null => {
  const status = parseStatus(
    `State:\tS (sleeping)\nPid:\t1\nPPid:\t0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\n${bounding}`,
  );
  return status && canTrace(status);
};

describe('canTrace', () => {
  it('looks at the bounding set, since a program could get what is in it', () => {
    expect(judge('CapBnd:\t0000000000080000\n')).to.equal(true);
    expect(judge('CapBnd:\t000001ffffffffff\n')).to.equal(true);
    expect(judge('CapBnd:\t00000000a80425fb\n')).to.equal(false);
    expect(judge('CapBnd:\t0000000000000000\n')).to.equal(false);
  });

  it('takes what cannot be read for a yes', () => {
    expect(judge('')).to.equal(true);
  });
});
