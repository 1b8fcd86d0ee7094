import { expect } from 'chai';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findLsmProblems } from '../../../daemon/install/find-lsm-problems.ts';
import { Scratch } from '../../support/scratch.ts';

describe('findLsmProblems()', () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = Scratch.open('test');
  });
  afterEach(() => scratch.close());

  /** What it says of a node with these files. */
  const codesOf = (files: Readonly<Record<string, string>>): readonly string[] => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(scratch.directory, path)), { recursive: true });
      writeFileSync(join(scratch.directory, path), text);
    }
    return findLsmProblems(scratch.directory).map(({ code }) => code);
  };
  const profiles = 'sys/kernel/security/apparmor/profiles';
  const enforce = 'sys/fs/selinux/enforce';

  it('finds nothing on a node without either', () => expect(codesOf({})).to.deep.equal([]));

  it('warns where AppArmor confines libvirt and has no profile of the stub', () => {
    expect(codesOf({ [profiles]: 'man_groff (enforce)\n/usr/sbin/libvirtd (enforce)\n' })).to.deep.equal([
      'apparmor',
    ]);
  });

  it('does not warn where that profile is there, or libvirt is not confined', () => {
    expect(codesOf({ [profiles]: 'qemu-kube (enforce)\nlibvirtd (enforce)\n' })).to.deep.equal([]);
    expect(codesOf({ [profiles]: 'libvirtd (complain)\n' })).to.deep.equal([]);
  });

  it('warns where SELinux is enforcing and has no module of ours', () => {
    expect(codesOf({ [enforce]: '1' })).to.deep.equal(['selinux']);
  });

  it('does not warn where that module is there, or nothing is enforced', () => {
    expect(codesOf({ [enforce]: '0' })).to.deep.equal([]);
    const module = 'var/lib/selinux/targeted/active/modules/400/kubevirt_node_driver/cil';
    expect(codesOf({ [enforce]: '1', [module]: '' })).to.deep.equal([]);
  });
});
