import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLibc } from '../../../daemon/host/libc.ts';
import { ProcessPlaces, type ProcessPlacesOptions } from '../../../daemon/host/process-places.ts';

const POD = '7c0ffee0-0000-4000-8000-000000000001';
const [first = '', second = ''] = ['a', 'b'].map((digit) => digit.repeat(64));

describe('ProcessPlaces', () => {
  let proc: string;

  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'knd-unit-'));
  });
  afterEach(() => rmSync(proc, { recursive: true }));

  const open = (
    belongToRoot: ProcessPlacesOptions['belongToRoot'] = () => true,
    kubepodsBase: string | null = null,
  ): ProcessPlaces => new ProcessPlaces({ libc: createLibc(), proc, kubepodsBase, belongToRoot });
  const place = (pid: number, path: string): void => {
    mkdirSync(join(proc, String(pid)), { recursive: true });
    writeFileSync(join(proc, String(pid), 'cgroup'), `0::${path}\n`);
  };

  it('tells pods and containers apart, and processes of one container not', () => {
    const places = open();
    place(1, `/kubepods/besteffort/pod${POD}/${first}`);
    place(2, `/kubepods/besteffort/pod${POD}/${first}`);
    place(3, `/kubepods/besteffort/pod${POD}/${second}`);
    expect(places.of(1)).to.deep.equal({ pod: POD, container: first, isInPod: true });
    expect(places.of(2)).to.equal(places.of(1));
    expect(places.of(3)).to.deep.equal({ pod: POD, container: second, isInPod: true });
  });

  it('looks at each process anew: another one may have its pid', () => {
    const places = open();
    place(1, `/kubepods/besteffort/pod${POD}/${first}`);
    places.of(1);
    place(1, '/user.slice');
    expect(places.of(1).pod).to.not.equal(POD);
  });

  it('knows a process that has gone as such', () => {
    expect(open().of(1)).to.deep.equal({
      pod: 'gone',
      container: 'gone',
      isInPod: false,
    });
  });

  it('knows what is in no pod as such: each cgroup stands for itself', () => {
    const places = open();
    place(1, '/user.slice/a');
    place(2, '/user.slice/b');
    expect(places.of(1).isInPod).to.equal(false);
    expect(places.of(1).pod).to.not.equal(places.of(2).pod);
  });

  it("does not take a user's cgroup for the pod that it is named like", () => {
    const places = open(() => false);
    place(1, `/user.slice/kubepods-pod${POD.replaceAll('-', '_')}.slice/cri-containerd-${first}.scope`);
    const { pod, container, isInPod } = places.of(1);
    expect(isInPod).to.equal(false);
    expect(pod).to.not.equal(POD);
    expect(container).to.not.equal(first);
  });

  it('asks for no owner where a base says where the pods are', () => {
    const asked: number[] = [];
    const places = open((cgroups) => asked.push(cgroups.length) > 0, '/kubepods');
    place(1, `/kubepods/besteffort/pod${POD}/${first}`);
    expect(places.of(1).isInPod).to.equal(true);
    expect(asked).to.deep.equal([0]);
  });

  it('asks once for all cgroups of a pod, and each time for what is not', () => {
    let asked = 0;
    let isRoots = false;
    const places = open(() => {
      asked++;
      if (!isRoots) throw new Error('gone');
      return true;
    });
    const path = `/kubepods/besteffort/pod${POD}/${first}`;
    place(1, path);
    place(2, `${path}/nested`);
    for (let i = 0; i < 3; i++) expect(places.of(1).isInPod).to.equal(false);
    expect(asked).to.equal(3);
    isRoots = true;
    for (let i = 0; i < 3; i++) for (const pid of [1, 2]) expect(places.of(pid).isInPod).to.equal(true);
    expect(asked).to.equal(4);
  });
});
