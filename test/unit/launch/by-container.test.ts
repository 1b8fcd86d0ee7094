import { expect } from 'chai';
import type { KnownLauncher } from '../../../daemon/host/launcher-index.ts';
import { byContainer } from '../../../daemon/launch/by-container.ts';

const many = (count: number, make: (number: number) => KnownLauncher): readonly KnownLauncher[] =>
  Array.from({ length: count }, (_, number) => make(number + 1));
const own: KnownLauncher = {
  pid: 4_000_000,
  place: { pod: 'own', container: 'own', isInPod: true },
};

describe('byContainer', () => {
  it('puts what is in a pod before what is in none, however many cgroups that has', () => {
    const outside = many(1000, (pid) => ({
      pid,
      place: { pod: `cgroup ${pid}`, container: `cgroup ${pid}`, isInPod: false },
    }));
    const order = byContainer([...outside, own]);
    expect(order[0]).to.deep.equal([own.pid]);
    expect(order).to.have.lengthOf(256);
  });

  it('still looks at what is in no pod, by pid', () => {
    const outside = many(2, (pid) => ({
      pid,
      place: { pod: `cgroup ${pid}`, container: `cgroup ${pid}`, isInPod: false },
    }));
    expect(byContainer(outside.toReversed())).to.deep.equal([[1], [2]]);
  });

  it("looks at few processes and containers of one pod, and at others' all the same", () => {
    const crowd = many(1000, (pid) => ({
      pid,
      place: { pod: 'crowd', container: String(pid % 100), isInPod: true },
    }));
    expect(byContainer([own, ...crowd])).to.deep.equal([
      [1, 101, 201, 301],
      [2, 102, 202, 302],
      [3, 103, 203, 303],
      [4, 104, 204, 304],
      [own.pid],
    ]);
  });
});
