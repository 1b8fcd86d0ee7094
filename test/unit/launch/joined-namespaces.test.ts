import { expect } from 'chai';
import { joinedNamespaces } from '../../../daemon/launch/joined-namespaces.ts';

describe('joinedNamespaces', () => {
  it("has the pod's own user namespace, configured or not", () => {
    expect(joinedNamespaces(['mnt', 'net'], true)).to.deep.equal(['mnt', 'net', 'user']);
    expect(joinedNamespaces(['user', 'mnt'], true)).to.deep.equal(['mnt', 'user']);
  });

  it('has none where QEMU is in that of the pod already', () => {
    expect(joinedNamespaces(['mnt', 'user'], false)).to.deep.equal(['mnt']);
  });
});
