import { expect } from 'chai';
import net from 'node:net';

import { chooseToEnd, type ConnectedPeer } from '../../../daemon/api/connected-peer.ts';

const ROOT = 0;
const VIRT = 107;

/** @param state `silent`: no call yet; `idle`: none runs; `busy`: one does */
function connected(id: string, uid: number, state: 'silent' | 'idle' | 'busy'): ConnectedPeer {
  return {
    id,
    peer: { pid: 1, uid, gid: uid },
    socket: new net.Socket(),
    hasCalled: state !== 'silent',
    calls: state === 'busy' ? 1 : 0,
  };
}

describe('chooseToEnd()', () => {
  it('takes one that has made no call first, the oldest of these', () => {
    const all = [
      connected('a', ROOT, 'idle'),
      connected('b', ROOT, 'silent'),
      connected('c', ROOT, 'silent'),
    ];
    expect(chooseToEnd(all, ROOT)?.id).to.equal('b');
  });

  it('takes the one that has waited the longest, then', () => {
    const all = [connected('a', ROOT, 'busy'), connected('b', ROOT, 'idle'), connected('c', ROOT, 'idle')];
    expect(chooseToEnd(all, ROOT)?.id).to.equal('b');
  });

  it('takes none whose call runs for the same user', () => {
    expect(chooseToEnd([connected('a', ROOT, 'busy'), connected('b', ROOT, 'busy')], ROOT)).to.equal(null);
  });

  it('takes one of the user who has the most, also where their calls run', () => {
    const all = [connected('a', ROOT, 'silent'), connected('b', VIRT, 'busy'), connected('c', VIRT, 'busy')];
    expect(chooseToEnd(all, ROOT)?.id).to.equal('b');
    expect(chooseToEnd(all, VIRT)).to.equal(null);
  });

  it('takes none of another user who has as many', () => {
    const all = [connected('a', ROOT, 'silent'), connected('b', VIRT, 'busy')];
    expect(chooseToEnd(all, VIRT)).to.equal(null);
  });
});
