import { expect } from 'chai';
import { mountOptions } from '../../../daemon/host/mount-options.ts';

const mounts = `
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
22 21 0:20 / /run rw,nosuid,noexec shared:2 - tmpfs tmpfs rw,size=1k
23 22 0:21 / /run/with\\040space rw,nosuid master:2 - tmpfs tmpfs rw
24 21 0:22 / /usr rw,relatime - squashfs /dev/loop0 ro
25 22 0:23 / /run/twice rw,noexec - tmpfs tmpfs rw
26 25 0:24 / /run/twice rw,relatime - tmpfs tmpfs rw
`;

describe('mountOptions()', () => {
  const cases = [
    { path: '/srv/a', has: ['rw', 'relatime'], lacks: ['nosuid', 'ro'] },
    { path: '/run', has: ['nosuid', 'noexec'], lacks: [] },
    { path: '/run/a/b', has: ['nosuid', 'noexec'], lacks: [] },
    { path: '/running', has: ['relatime'], lacks: ['nosuid'] },
    { path: '/run/with space/a', has: ['nosuid'], lacks: ['noexec'] },
    { path: '/usr/local/lib', has: ['ro'], lacks: [] },
    { path: '/run/twice/a', has: ['relatime'], lacks: ['noexec'] },
  ];
  for (const { path, has, lacks } of cases)
    it(`finds the mount of ${path}`, () => {
      const options = [...mountOptions(mounts, path)];
      expect(options).to.include.members(has);
      for (const each of lacks) expect(options).to.not.include(each);
    });

  it('has none where there are no mounts', () => {
    expect([...mountOptions('', '/a')]).to.deep.equal([]);
  });
});
