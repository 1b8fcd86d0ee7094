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
