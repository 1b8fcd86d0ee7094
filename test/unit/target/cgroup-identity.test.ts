import { expect } from 'chai';
import { cgroupIdentity } from '../../../daemon/target/cgroup-identity.ts';
import { containerCgroupPath } from '../../../daemon/target/container-cgroup-path.ts';
import vectors from '../../fixtures/cgroup-vectors.json' with { type: 'json' };

const podA = '11111111-2222-3333-4444-555555555555';
const podB = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const sliceA = 'kubepods-pod11111111_2222_3333_4444_555555555555.slice';
const hash = '0123456789abcdef0123456789abcdef';
const idA = 'a'.repeat(64);
const idB = 'b'.repeat(64);

const nobody = { podUid: null, containerId: null };
const a = { podUid: podA, containerId: idA };
const podOnly = { podUid: podA, containerId: null };
const containerOnly = { podUid: null, containerId: idA };
const malformed = { reject: 'malformed' };
const deleted = { reject: 'deleted' };
const conflict = { reject: 'conflict' };

interface Case {
  readonly name: string;
  readonly text: string;
  readonly base?: string;
  readonly expected: object;
}

const cases: readonly Case[] = [
  // Forms of the pod's element.
  {
    name: 'a static pod, cgroupfs',
    text: `0::/kubepods/pod${hash}/${idA}`,
    expected: { podUid: hash, containerId: idA },
  },
  {
    name: 'a static pod, systemd',
    text: `0::/kubepods.slice/kubepods-burstable-pod${hash}.slice/crio-${idA}.scope`,
    expected: { podUid: hash, containerId: idA },
  },
  {
    name: 'a hash of 31 digits is no pod',
    text: `0::/kubepods/pod${hash.slice(1)}/${idA}`,
    expected: containerOnly,
  },
  { name: 'a hash of 33 digits is no pod', text: `0::/kubepods/pod${hash}0/${idA}`, expected: containerOnly },
  { name: 'text behind the UID', text: `0::/kubepods/pod${podA}x/${idA}`, expected: containerOnly },
  { name: 'text behind .slice', text: `0::/${sliceA}x/${idA}`, expected: containerOnly },
  { name: 'text before kubepods without a dash', text: `0::/my${sliceA}/${idA}`, expected: containerOnly },
  { name: 'a nested kubelet root', text: `0::/a.slice/a-b.slice/a-b-${sliceA}/${idA}`, expected: a },
  {
    name: 'a slice without .slice',
    text: `0::/${sliceA.replace('.slice', '')}/${idA}`,
    expected: containerOnly,
  },
  { name: 'pod<uid>.slice without kubepods', text: `0::/pod${podA}.slice/${idA}`, expected: containerOnly },
  {
    name: 'an unknown QoS class',
    text: `0::/${sliceA.replace('-pod', '-gold-pod')}/${idA}`,
    expected: containerOnly,
  },
  { name: 'upper-case Pod', text: `0::/kubepods/Pod${podA}/${idA}`, expected: containerOnly },
  { name: 'a UID in braces', text: `0::/kubepods/pod{${podA}}/${idA}`, expected: containerOnly },

  // Forms of the container's element.
  { name: 'a libpod scope', text: `0::/kubepods/pod${podA}/libpod-${idA}.scope`, expected: a },
  { name: 'a docker prefix without .scope', text: `0::/kubepods/pod${podA}/docker-${idA}`, expected: a },
  { name: 'an unknown runtime', text: `0::/kubepods/pod${podA}/foo-${idA}.scope`, expected: podOnly },
  { name: '63 digits', text: `0::/kubepods/pod${podA}/${idA.slice(1)}`, expected: podOnly },
  { name: '65 digits', text: `0::/kubepods/pod${podA}/${idA}a`, expected: podOnly },
  { name: 'upper-case container', text: `0::/kubepods/pod${podA}/${idA.toUpperCase()}`, expected: podOnly },
  {
    name: 'a UUID as container',
    text: `0::/kubepods/pod${podA}/15aa6e53-b09a-40c7-8558-c6c31e36c88a`,
    expected: podOnly,
  },
  { name: '.scope twice', text: `0::/kubepods/pod${podA}/crio-${idA}.scope.scope`, expected: podOnly },
  {
    name: 'a conmon in the pod',
    text: `0::/kubepods/pod${podA}/crio-conmon-${idA}.scope`,
    expected: podOnly,
  },
  { name: 'podman’s conmon', text: `0::/machine.slice/libpod-conmon-${idA}.scope`, expected: nobody },
  {
    name: 'a container deeper than next to the pod is the workload’s',
    text: `0::/kubepods/pod${podA}/unknown/${idB}`,
    expected: podOnly,
  },
  {
    name: 'a container below a conmon in the pod is not looked at',
    text: `0::/kubepods/pod${podA}/crio-conmon-${idA}.scope/${idB}`,
    expected: podOnly,
  },
  { name: 'an empty element behind the pod', text: `0::/kubepods/pod${podA}//${idA}`, expected: podOnly },
  {
    name: 'the shallowest container without a pod',
    text: `0::/docker/${idA}/docker/${idB}`,
    expected: containerOnly,
  },

  // The colon form.
  { name: 'colon form', text: `0::/${sliceA}:cri-containerd:${idA}`, expected: a },
  { name: 'colon form with docker', text: `0::/${sliceA}:docker:${idA}`, expected: a },
  {
    name: 'colon form, what follows is ignored',
    text: `0::/${sliceA}:cri-containerd:${idA}/${idB}`,
    expected: a,
  },
  { name: 'colon form of a conmon', text: `0::/${sliceA}:crio-conmon:${idA}`, expected: podOnly },
  { name: 'colon form with four parts', text: `0::/${sliceA}:cri-containerd:${idA}:x`, expected: podOnly },
  { name: 'colon form with two parts', text: `0::/${sliceA}:${idA}`, expected: podOnly },
  {
    name: 'a bad colon form does not send the search into the workload',
    text: `0::/${sliceA}:x/kubepods/pod${podB}/${idB}`,
    expected: podOnly,
  },
  {
    name: 'colon form with an upper-case UID',
    text: `0::/kubepods-pod${podA.replaceAll('1', 'A')}.slice:cri-containerd:${idA}`,
    expected: nobody,
  },

  // Pods that a workload made up.
  {
    name: 'a second pod right below the first',
    text: `0::/kubepods/pod${podA}/pod${podB}/${idB}`,
    expected: podOnly,
  },
  {
    name: 'a fake slice below the container',
    text: `0::/kubepods/burstable/pod${podA}/${idA}/kubepods.slice/kubepods-pod${podB}.slice:cri-containerd:${idB}`,
    expected: a,
  },
  {
    name: 'a fake pod below the container on one hierarchy only',
    text: `5:pids:/kubepods/pod${podA}/${idA}\n0::/kubepods/pod${podA}/${idA}/kubepods/pod${podB}/${idB}`,
    expected: a,
  },

  // The base.
  {
    name: 'base / is anywhere',
    base: '/',
    text: `0::/docker/${idB}/kubepods/pod${podA}/${idA}`,
    expected: a,
  },
  { name: 'below the base', base: '/kubepods', text: `0::/kubepods/pod${podA}/${idA}`, expected: a },
  {
    name: 'a base with a slash behind',
    base: '/kubepods/',
    text: `0::/kubepods/pod${podA}/${idA}`,
    expected: a,
  },
  {
    name: 'below a deep base',
    base: `/docker/${idB}/kubepods`,
    text: `0::/docker/${idB}/kubepods/burstable/pod${podA}/${idA}`,
    expected: a,
  },
  {
    name: 'a base inside another pod',
    base: `/kubepods/pod${podB}/${idB}/kubepods`,
    text: `0::/kubepods/pod${podB}/${idB}/kubepods/pod${podA}/${idA}`,
    expected: a,
  },
  {
    name: 'a pod beside the base',
    base: '/kubepods',
    text: `0::/user.slice/user-1000.slice/kubepods/pod${podA}/${idA}`,
    expected: nobody,
  },
  {
    name: 'the base as a prefix of a name',
    base: '/kubepods',
    text: `0::/kubepods-x/pod${podA}/${idA}`,
    expected: nobody,
  },
  { name: 'the base itself', base: '/kubepods', text: '0::/kubepods', expected: nobody },
  { name: 'above the base', base: '/kubepods/burstable', text: '0::/kubepods', expected: nobody },
  {
    name: 'no container outside of the base',
    base: '/kubepods',
    text: `0::/docker/${idA}`,
    expected: nobody,
  },
  {
    name: 'a container below the base',
    base: '/kubepods',
    text: `0::/kubepods/${idA}`,
    expected: containerOnly,
  },
  {
    name: 'out of the base again',
    base: '/kubepods',
    text: `0::/kubepods/../x/pod${podA}/${idA}`,
    expected: nobody,
  },
  {
    name: 'a private cgroup namespace with a base',
    base: '/kubepods',
    text: `0::/../pod${podA}/${idA}`,
    expected: nobody,
  },
  {
    name: 'a line outside of the base is ignored',
    base: '/kubepods',
    text: `5:pids:/other/pod${podB}/${idB}\n0::/kubepods/pod${podA}/${idA}`,
    expected: a,
  },

  // Several lines.
  {
    name: 'a line with another container but no pod is ignored',
    text: `5:pids:/docker/${idB}\n0::/kubepods/pod${podA}/${idA}`,
    expected: a,
  },
  {
    name: 'the same pod in both drivers’ forms',
    text: `5:pids:/${sliceA}/cri-containerd-${idA}.scope\n0::/kubepods/pod${podA}/${idA}`,
    expected: a,
  },
  {
    name: 'two containers of one pod',
    text: `5:pids:/kubepods/pod${podA}/${idA}\n0::/kubepods/pod${podA}/${idB}`,
    expected: conflict,
  },
  {
    name: 'one container known, one not',
    text: `5:pids:/kubepods/pod${podA}/${idA}\n0::/kubepods/pod${podA}`,
    expected: conflict,
  },
  {
    name: 'the third line disagrees',
    text: `6:cpu:/kubepods/pod${podA}/${idA}\n5:pids:/kubepods/pod${podA}/${idA}\n0::/kubepods/pod${podB}/${idA}`,
    expected: conflict,
  },
  {
    name: 'two containers without a pod',
    text: `5:pids:/docker/${idA}\n0::/docker/${idB}`,
    expected: conflict,
  },
  { name: 'a root line beside a container', text: `5:rdma:/\n0::/docker/${idA}`, expected: containerOnly },
  {
    name: 'a hierarchy twice, agreeing',
    text: `0::/kubepods/pod${podA}/${idA}\n0::/kubepods/pod${podA}/${idA}`,
    expected: a,
  },
  {
    name: 'a hierarchy twice, disagreeing',
    text: `0::/kubepods/pod${podA}/${idA}\n0::/kubepods/pod${podB}/${idA}`,
    expected: conflict,
  },

  // A cgroup that is gone.
  {
    name: 'deleted on a line without a pod',
    text: `5:rdma:/x (deleted)\n0::/kubepods/pod${podA}/${idA}`,
    expected: deleted,
  },
  { name: 'deleted outside of the base', base: '/kubepods', text: '0::/x (deleted)', expected: deleted },
  {
    name: 'deleted goes before conflict',
    text: `5:pids:/kubepods/pod${podA}/${idA}\n0::/kubepods/pod${podB}/${idA} (deleted)`,
    expected: deleted,
  },
  {
    name: '(deleted) in the workload’s part of a live path',
    text: `0::/kubepods/pod${podA}/${idA}/x (deleted)/y`,
    expected: a,
  },

  // Texts that no kernel writes.
  { name: 'only a newline', text: '\n', expected: nobody },
  { name: 'a newline at the end', text: `0::/kubepods/pod${podA}/${idA}\n`, expected: a },
  { name: 'a blank line between', text: '5:pids:/\n\n0::/\n', expected: malformed },
  { name: 'no colon', text: `/kubepods/pod${podA}/${idA}`, expected: malformed },
  { name: 'an empty path', text: '0::', expected: malformed },
  { name: 'a path without leading slash', text: `0::kubepods/pod${podA}/${idA}`, expected: malformed },
  { name: 'an id that is no number', text: `x::/kubepods/pod${podA}/${idA}`, expected: malformed },
  { name: 'no id', text: `::/kubepods/pod${podA}/${idA}`, expected: malformed },
  { name: 'a NUL', text: `0::/kubepods/pod${podA}/${idA}\0`, expected: malformed },
  { name: 'malformed goes before all else', text: `0::/x (deleted)\ngarbage`, expected: malformed },
  {
    name: 'a carriage return is part of the name',
    text: `0::/kubepods/pod${podA}/${idA}\r\n`,
    expected: podOnly,
  },
  {
    name: 'a line separator of Unicode does not split',
    text: `0::/kubepods/pod${podA}\u2028/${idA}`,
    expected: containerOnly,
  },
];

describe('cgroupIdentity', () => {
  for (const {
    name,
    lines,
    base,
    expect: { podUID, containerID, reject },
  } of vectors) {
    it(`answers as recorded: ${name}`, () => {
      const expected = reject === null ? { podUid: podUID, containerId: containerID } : { reject };
      expect(cgroupIdentity(lines.join('\n'), base)).to.deep.equal(expected);
      expect(cgroupIdentity(lines.map((line) => `${line}\n`).join(''), base)).to.deep.equal(expected);
    });
  }

  for (const { name, text, base, expected } of cases) {
    it(`decides on ${name}`, () => {
      expect(cgroupIdentity(text, base ?? null)).to.deep.equal(expected);
    });
  }
});

describe('containerCgroupPath', () => {
  const paths: readonly (readonly [string, string | null, string | null])[] = [
    [`/kubepods/pod${podA}/${idA}/x/y`, null, `/kubepods/pod${podA}/${idA}`],
    [`/kubepods/pod${podA}/${idA}`, '/kubepods', `/kubepods/pod${podA}/${idA}`],
    [`/${sliceA}:cri-containerd:${idA}/x`, null, `/${sliceA}:cri-containerd:${idA}`],
    [`/docker/${idA}/docker/${idB}`, null, `/docker/${idA}`],
    [`/../crio-${idA}.scope/x`, null, `/../crio-${idA}.scope`],
    [`/kubepods/pod${podA}/unknown/${idB}`, null, null],
    [`/kubepods/pod${podA}`, null, null],
    [`/docker/${idA}`, '/kubepods', null],
    ['/', null, null],
  ];
  for (const [path, base, expected] of paths) {
    it(`ends at the container of ${path} below ${base ?? 'anything'}`, () => {
      expect(containerCgroupPath(path, base)).to.equal(expected);
    });
  }
});
