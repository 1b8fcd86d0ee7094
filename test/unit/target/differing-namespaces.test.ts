import { expect } from 'chai';
import { differingNamespaces } from '../../../daemon/target/differing-namespaces.ts';

const init = { mnt: 1, net: 2, ipc: 3, uts: 4, cgroup: 5, pid: 6, user: 7 };

describe('differingNamespaces', () => {
  it('finds nothing between equal ones', () => {
    expect(differingNamespaces({ ...init }, init)).to.deep.equal([]);
  });

  it('names what a nested unshare changed', () => {
    expect(differingNamespaces({ ...init, user: 70, mnt: 10 }, init)).to.deep.equal(['mnt', 'user']);
  });

  it('counts a kind that only one side has', () => {
    expect(differingNamespaces({ ...init, time: 8 }, init)).to.deep.equal(['time']);
    expect(differingNamespaces(init, { ...init, time: 8 })).to.deep.equal(['time']);
  });
});
