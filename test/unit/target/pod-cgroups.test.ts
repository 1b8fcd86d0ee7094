import { expect } from 'chai';
import { podCgroups } from '../../../daemon/target/pod-cgroups.ts';

const POD = '7c0ffee0-0000-4000-8000-000000000001';
const ID = 'a'.repeat(64);
const slice = `kubepods-burstable-pod${POD.replaceAll('-', '_')}.slice`;

describe('podCgroups', () => {
  const cases: readonly (readonly [what: string, path: string, expected: string | null])[] = [
    ["the pod's, not the container's", `/kubepods/pod${POD}/${ID}`, `/kubepods/pod${POD}`],
    ["the pod's, whatever the workload made", `/kubepods/pod${POD}/${ID}/pod${POD}/x`, `/kubepods/pod${POD}`],
    ['the slice', `/kubepods.slice/${slice}/cri-containerd-${ID}.scope`, `/kubepods.slice/${slice}`],
    ["a user's", `/user.slice/${slice}/cri-containerd-${ID}.scope`, `/user.slice/${slice}`],
    ['that of a container of no known form', `/kubepods/pod${POD}/x`, `/kubepods/pod${POD}`],
    ['that without a container', `/kubepods/pod${POD}`, `/kubepods/pod${POD}`],
    [
      'what is above one that is pod and container',
      `/system.slice/${slice}:cri-containerd:${ID}`,
      '/system.slice',
    ],
    ['the root above one that is both', `/${slice}:cri-containerd:${ID}`, '/'],
    ['none of a container without a pod', `/system.slice/docker-${ID}.scope`, null],
    ['none of another service', '/system.slice/x.service', null],
  ];
  for (const [what, path, expected] of cases)
    for (const base of [null, '/'])
      it(`gives ${what}, for the base ${base ?? 'auto'}`, () => {
        expect(podCgroups([{ hierarchy: 'cpu', path }], base)).to.deep.equal(
          expected === null ? [] : [{ hierarchy: 'cpu', path: expected }],
        );
      });

  it('gives one for each line that names a pod', () => {
    const path = `/kubepods/pod${POD}/${ID}`;
    const lines = [
      { hierarchy: 'cpu', path },
      { hierarchy: 'memory', path: '/user.slice' },
      { hierarchy: '', path },
    ];
    expect(podCgroups(lines, null).map(({ hierarchy }) => hierarchy)).to.deep.equal(['cpu', '']);
  });

  it('gives none where a base says where the pods are', () => {
    const path = `/kubepods/pod${POD}/${ID}`;
    expect(podCgroups([{ hierarchy: 'cpu', path }], '/kubepods')).to.deep.equal([]);
  });
});
