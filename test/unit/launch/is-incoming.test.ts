import { expect } from 'chai';
import { isIncoming } from '../../../daemon/launch/is-incoming.ts';

const is = (...argv: readonly string[]): boolean => isIncoming(argv.map((each) => Buffer.from(each)));

describe('isIncoming', () => {
  for (const argv of [
    ['qemu', '-incoming', 'defer'],
    ['qemu', '-S', '--incoming', 'tcp:0:4444'],
  ])
    it(`sees it in "${argv.join(' ')}"`, () => {
      expect(is(...argv)).to.equal(true);
    });

  for (const argv of [
    [],
    ['-incoming'],
    ['qemu', '-name', 'incoming'],
    ['qemu', '-incoming,defer'],
    ['qemu', 'x-incoming'],
  ])
    it(`does not see it in "${argv.join(' ')}"`, () => {
      expect(is(...argv)).to.equal(false);
    });
});
