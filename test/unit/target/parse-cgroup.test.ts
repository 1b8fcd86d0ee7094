import { expect } from 'chai';
import { parseCgroup } from '../../../daemon/target/parse-cgroup.ts';

describe('parseCgroup', () => {
  it('keeps the order, the controllers and colons in a path', () => {
    expect(parseCgroup('12:cpu,cpuacct:/a\n1:name=systemd:/b:c:d\n0::/\n')).to.deep.equal([
      { hierarchy: 'cpu,cpuacct', path: '/a' },
      { hierarchy: 'name=systemd', path: '/b:c:d' },
      { hierarchy: '', path: '/' },
    ]);
  });

  it('reads an empty text as no membership', () => {
    expect(parseCgroup('')).to.deep.equal([]);
  });

  it('reads a text of nothing but newlines as no membership, and one with a line behind them as none of a kernel', () => {
    expect(parseCgroup('\n'.repeat(100_000))).to.deep.equal([]);
    // By the square of the newlines it would take ten seconds, twice what a test may.
    expect(parseCgroup(`${'\n'.repeat(100_000)}0::/`)).to.equal(null);
  });

  it('strips nothing from a path', () => {
    expect(parseCgroup('0::/a \t\r\n')).to.deep.equal([{ hierarchy: '', path: '/a \t\r' }]);
  });

  for (const text of [
    '0',
    '0:',
    '0:/a',
    '0::a',
    ' 0::/a',
    '-1::/a',
    '0::/a\n\n0::/b',
    '\n0::/a',
    '0:\0:/a',
  ]) {
    it(`rejects ${JSON.stringify(text)}`, () => {
      expect(parseCgroup(text)).to.equal(null);
    });
  }
});
