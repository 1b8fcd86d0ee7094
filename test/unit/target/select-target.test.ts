import { expect } from 'chai';
import { selectTargets } from '../../../daemon/target/select-target.ts';
import type { TargetCandidate } from '../../../daemon/target/select-target.ts';

function candidate(pid: number, changes: Partial<TargetCandidate> = {}): TargetCandidate {
  return {
    pid,
    startTime: pid,
    podUid: 'pod-a',
    containerId: 'a',
    cgroups: [{ hierarchy: '', path: '/x' }],
    namespaces: { mnt: 1, net: 2 },
    program: 'virt-launcher',
    noFork: false,
    ...changes,
  };
}

const bare = { podUid: null, containerId: null };

describe('selectTargets', () => {
  const rows: readonly { name: string; candidates: readonly TargetCandidate[]; pids: readonly number[] }[] = [
    { name: 'none of none', candidates: [], pids: [] },
    {
      name: 'the launcher before its older monitor',
      candidates: [candidate(1, { program: 'virt-launcher-monitor' }), candidate(2)],
      pids: [2],
    },
    {
      name: 'the launcher before its copy',
      candidates: [candidate(1, { noFork: true }), candidate(2)],
      pids: [2],
    },
    { name: 'the older of two launchers', candidates: [candidate(2), candidate(1)], pids: [1] },
    {
      name: 'the lower pid of two equally old',
      candidates: [candidate(5, { startTime: 1 }), candidate(4, { startTime: 1 })],
      pids: [4],
    },
    {
      name: 'the monitor where it is alone',
      candidates: [candidate(1, { program: 'virt-launcher-monitor' })],
      pids: [1],
    },
    {
      name: 'one of each pod, the oldest first',
      candidates: [candidate(3, { podUid: 'pod-b', containerId: 'b' }), candidate(2), candidate(9)],
      pids: [2, 3],
    },
    {
      name: 'one of each container of a pod',
      candidates: [candidate(1), candidate(2, { containerId: 'b' })],
      pids: [1, 2],
    },
    {
      name: 'one of two pods with one container ID',
      candidates: [candidate(1), candidate(2, { podUid: 'pod-b' })],
      pids: [1, 2],
    },
    {
      name: 'one of the same cgroups and namespaces',
      candidates: [candidate(1, bare), candidate(2, bare)],
      pids: [1],
    },
    {
      name: 'both of different namespaces without a container',
      candidates: [candidate(1, bare), candidate(2, { ...bare, namespaces: { mnt: 9, net: 2 } })],
      pids: [1, 2],
    },
    {
      name: 'both of different cgroups without a container',
      candidates: [candidate(1, bare), candidate(2, { ...bare, cgroups: [{ hierarchy: '', path: '/y' }] })],
      pids: [1, 2],
    },
  ];
  for (const { name, candidates, pids } of rows) {
    it(`takes ${name}`, () => {
      expect(selectTargets(candidates).map(({ pid }) => pid)).to.deep.equal(pids);
    });
  }
});
