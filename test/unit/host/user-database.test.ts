import { expect } from 'chai';
import { findGroup, parseUsers, resolveUsers } from '../../../daemon/host/user-database.ts';

const passwd = [
  'root:x:0:0:root:/root:/bin/bash',
  'libvirt-qemu:x:64055:108::/var/lib/libvirt:/usr/sbin/nologin',
  'qemu:x:107:107::/:/sbin/nologin',
  '# comment',
  '',
  'broken:x:one:1::/:',
  '+nis::::::',
  'negative:x:-1:1::/:',
  'qemu:x:0:0:a second entry does not count:/:/bin/sh',
].join('\n');

describe('parseUsers', () => {
  it('reads entries, and passes over what is none', () => {
    expect(parseUsers(passwd).map(({ name, uid, gid }) => `${name} ${uid} ${gid}`)).to.deep.equal([
      'root 0 0',
      'libvirt-qemu 64055 108',
      'qemu 107 107',
      'qemu 0 0',
    ]);
  });
});

describe('findGroup', () => {
  const group = 'root:x:0:\nkvm:x:36:qemu\nbroken:x:y:\nkvm:x:99:';

  it('gives the id of the first group of the name, or null', () => {
    expect(['kvm', 'root', 'broken', 'kv', ''].map((name) => findGroup(group, name))).to.deep.equal([
      36,
      0,
      null,
      null,
      null,
    ]);
  });
});

describe('resolveUsers', () => {
  const users = parseUsers(passwd);

  it('resolves names and numbers, and takes the group of the first that it knows', () => {
    const { uids, gid, unknown } = resolveUsers(users, ['nobody', '4711', 'qemu', '64055']);
    expect([[...uids], gid, unknown]).to.deep.equal([[4711, 107, 64055], 107, ['nobody']]);
  });

  it('never takes a later entry of a name for the first: root stays out', () => {
    expect([...resolveUsers(users, ['qemu']).uids]).to.deep.equal([107]);
  });

  it('gives nobody for names that the node does not know', () => {
    const { uids, gid, unknown } = resolveUsers(users, ['a', 'b']);
    expect([uids.size, gid, unknown]).to.deep.equal([0, null, ['a', 'b']]);
  });
});
