import { expect } from 'chai';
import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { belongToRoot } from '../../../daemon/host/belong-to-root.ts';

const USER = 1000;

describe('belongToRoot', () => {
  let root: string;
  const belong = (...paths: readonly string[]): boolean =>
    belongToRoot(
      { root, hierarchies: [{ controllers: ['cpu'], mountPoint: '/cgroup', root: '/' }] },
      paths.map((each) => {
        const [hierarchy = '', path = ''] = each.split(':');
        return { hierarchy, path };
      }),
    );

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'knd-unit-'));
    mkdirSync(join(root, 'cgroup/pods/one/container'), { recursive: true });
    mkdirSync(join(root, 'cgroup/user/pods/one'), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it("takes what is root's with all above it, whosever is below", () => {
    chownSync(join(root, 'cgroup/pods/one/container'), USER, USER);
    expect(belong('cpu:/pods/one')).to.equal(true);
  });

  it("does not take what is another's", () => {
    chownSync(join(root, 'cgroup/pods/one'), USER, USER);
    expect(belong('cpu:/pods/one')).to.equal(false);
  });

  it("does not take what is root's below another's", () => {
    chownSync(join(root, 'cgroup/user'), USER, USER);
    expect(belong('cpu:/user/pods/one')).to.equal(false);
    expect(belong('cpu:/pods/one', 'cpu:/user/pods/one')).to.equal(false);
  });

  it('asks the hierarchies that are mounted, of which there must be one', () => {
    expect(belong('memory:/pods/one', 'cpu:/pods/one')).to.equal(true);
    expect(belong('memory:/pods/one')).to.equal(false);
  });

  it('takes no cgroups at all', () => {
    expect(belong()).to.equal(true);
  });

  it('says of a cgroup that has gone that it has', () => {
    expect(() => belong('cpu:/pods/two')).to.throw('ENOENT');
  });
});
