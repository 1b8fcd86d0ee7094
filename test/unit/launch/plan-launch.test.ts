import { expect } from 'chai';
import type { LibvirtDomain } from '../../../daemon/launch/libvirt-domain.ts';
import { planLaunch, type LaunchPolicy, type PlanInput } from '../../../daemon/launch/plan-launch.ts';
import { codeOf, refusalOf } from './code-of.ts';

const policy: LaunchPolicy = {
  emulator: '/usr/bin/qemu',
  namespaces: ['mnt', 'net', 'ipc', 'uts', 'cgroup'],
  stubGoneGraceMs: 1,
  podGoneGraceMs: 2,
  deadlineMs: 3,
  seccomp: null,
};
const home = '/var/lib/libvirt/qemu/domain-1-vm';
const domain: LibvirtDomain = { directory: home, id: '1', shortName: 'vm', projections: [home, '/srv'] };
const input: PlanInput = {
  launchId: 'id',
  policy,
  request: {
    mode: 'fork',
    fdCount: 3,
    cwd: Buffer.from('/'),
    argv: [Buffer.from('stub'), Buffer.from('-S')],
    env: [Buffer.from('A=b'), Buffer.from('KUBEVIRT_IO_SECRET=s'), Buffer.from('kubevirt.io.secret=s')],
  },
  caller: {
    credentials: { uid: 107, gid: 107, groups: [107, 36] },
    umask: 0o22,
    cpus: '0-1',
    limits: [{ resource: 7, soft: 1n, hard: null }],
  },
  domain,
  target: {
    pid: 10,
    startTime: 20,
    podUid: 'pod',
    containerId: 'c',
    vm: { uuid: 'vm' },
    init: { pid: 9, startTime: 19 },
    namespaces: { mnt: 1, net: 2, ipc: 3, uts: 4, cgroup: 5, pid: 6, user: 7, time: 8 },
    cgroups: [
      { hierarchy: 'cpu', path: '/kubepods/c' },
      { hierarchy: '', path: '/kubepods/c' },
    ],
    credentials: { uid: 0, gid: 0, groups: [0, 36, 2000] },
  },
  cgroupText: Buffer.from('text'),
  oomScoreAdj: 900,
  canTrace: false,
  hierarchies: [
    { controllers: ['cpu'], mountPoint: '/cg/cpu', root: '/' },
    { controllers: [''], mountPoint: '/cg/unified', root: '/' },
  ],
  hostMountNamespace: null,
  users: null,
  shimCgroups: ['/cg/shim'],
};
const withNamespaces = (...namespaces: LaunchPolicy['namespaces']): PlanInput => ({
  ...input,
  policy: { ...policy, namespaces },
});

describe('planLaunch', () => {
  it('passes on what the caller has, less the secret, with the configured emulator', () => {
    const plan = planLaunch(input);
    expect(plan).to.include({ uid: 107, gid: 107, umask: 0o22, fdCount: 3, emulator: '/usr/bin/qemu' });
    expect(plan.arguments.map(String)).to.deep.equal(['-S']);
    expect(plan.environment.map(String)).to.deep.equal(['A=b']);
    expect(plan.limits).to.equal(input.caller.limits);
    expect([...plan.affinity]).to.deep.equal([3, 0, 0, 0, 0, 0, 0, 0]);
    expect(plan).to.include({ oomScoreAdj: 900, stubGoneGraceMs: 1, podGoneGraceMs: 2, deadlineMs: 3 });
  });

  it("adds the pod's groups to the caller's, each once, and never root's", () => {
    expect(planLaunch(input).groups).to.deep.equal([107, 36, 2000]);
  });

  it("keeps root's group where the caller itself has it", () => {
    const credentials = { uid: 107, gid: 107, groups: [0] };
    expect(planLaunch({ ...input, caller: { ...input.caller, credentials } }).groups).to.deep.equal([
      0, 36, 2000,
    ]);
  });

  it("takes no group of the pod outside of the pod's mount namespace: it would open files of the node", () => {
    expect(planLaunch(withNamespaces('net')).groups).to.deep.equal([107, 36]);
  });

  it('takes 256 groups at most, those of the caller first', () => {
    const groups = Array.from({ length: 300 }, (_, index) => index + 5000);
    const target = { ...input.target, credentials: { uid: 0, gid: 0, groups } };
    expect(planLaunch({ ...input, target }).groups)
      .to.have.lengthOf(256)
      .and.include.members([107, 36, 5253])
      .and.not.include(5254);
  });

  it('joins the configured namespaces, by the inodes that were looked at', () => {
    expect(planLaunch(input).namespaces).to.deep.equal([
      { flag: 0x0002_0000, inode: 1 },
      { flag: 0x4000_0000, inode: 2 },
      { flag: 0x0800_0000, inode: 3 },
      { flag: 0x0400_0000, inode: 4 },
      { flag: 0x0200_0000, inode: 5 },
    ]);
    expect(planLaunch(withNamespaces('ipc')).namespaces).to.deep.equal([{ flag: 0x0800_0000, inode: 3 }]);
  });

  it('refuses to leave the time namespace out in silence', () => {
    expect(refusalOf(() => planLaunch(withNamespaces('net', 'time'))))
      .to.have.property('message')
      .that.includes('time namespace');
  });

  it('joins the user namespace that a pod has of its own, and no other', () => {
    const map = [{ first: 0, nodeFirst: 1_000_000, count: 65_536 }];
    const users = { users: map, groups: map, mayChooseGroups: true };
    const plan = planLaunch({ ...withNamespaces('mnt'), users });
    expect(plan.namespaces).to.deep.equal([
      { flag: 0x0002_0000, inode: 1 },
      { flag: 0x1000_0000, inode: 7 },
    ]);
    expect(plan.ids).to.deep.include({ kind: 'user', id: 107, nodeId: 1_000_107 });
    expect(planLaunch(withNamespaces('mnt', 'user'))).to.deep.include({
      namespaces: [{ flag: 0x0002_0000, inode: 1 }],
      ids: [],
    });
    expect(codeOf(() => planLaunch({ ...withNamespaces('net'), users }))).to.equal('target-unusable');
  });

  it('refuses the PID namespace of a pod that may trace, and no other', () => {
    const tracing = (...kinds: LaunchPolicy['namespaces']): PlanInput => ({
      ...withNamespaces(...kinds),
      canTrace: true,
    });
    const refusal = refusalOf(() => planLaunch(tracing('mnt', 'pid')));
    expect(refusal).to.have.property('code', 'target-unusable');
    expect(refusal).to.have.property('message').that.includes('CAP_SYS_PTRACE');
    expect(codeOf(() => planLaunch(tracing('mnt')))).to.equal(null);
    expect(codeOf(() => planLaunch(withNamespaces('mnt', 'pid')))).to.equal(null);
  });

  it('tells the fd of the monitor with the PID namespace, and only then', () => {
    const argv = ['stub', '-chardev', 'socket,id=m,fd=30', '-mon', 'm,mode=control'].map((each) =>
      Buffer.from(each),
    );
    const withMonitor = (kind: 'pid' | 'net'): PlanInput => ({
      ...withNamespaces(kind),
      request: { ...input.request, argv },
    });
    expect(planLaunch(withMonitor('pid'))).to.deep.include({
      namespaces: [{ flag: 0x2000_0000, inode: 6 }],
      monitorFd: 30,
    });
    expect(planLaunch(withMonitor('net')).monitorFd).to.equal(null);
  });

  it('refuses a target whose namespace was not seen', () => {
    const target = { ...input.target, namespaces: { mnt: 1 } };
    expect(codeOf(() => planLaunch({ ...input, target }))).to.equal('launch-failed');
  });

  it('finds the cgroup of each hierarchy, and refuses one that is not mounted', () => {
    expect(planLaunch(input).cgroups).to.deep.equal(['/cg/cpu/kubepods/c', '/cg/unified/kubepods/c']);
    const cgroups = [{ hierarchy: 'pids', path: '/a\u009b31mb' }];
    const refusal = refusalOf(() => planLaunch({ ...input, target: { ...input.target, cgroups } }));
    expect(refusal).to.have.property('message').that.includes('"pids"').and.includes('"/a\\x9b31mb"');
  });

  it("projects the domain's directory as the caller's own, everything else as optional", () => {
    expect(planLaunch(input).projections).to.deep.equal([
      { path: home, owned: true, optional: false },
      { path: '/srv', owned: false, optional: true },
    ]);
  });

  it('projects nothing where QEMU stays in the mount namespace of libvirt', () => {
    expect(planLaunch(withNamespaces('net')).projections).to.deep.equal([]);
  });

  it('refuses more projections than a plan holds', () => {
    const paths = (count: number): LibvirtDomain => ({
      ...domain,
      projections: Array.from({ length: count }, (_, index) => `/${index}`),
    });
    expect(planLaunch({ ...input, domain: paths(64) }).projections).to.have.lengthOf(64);
    expect(codeOf(() => planLaunch({ ...input, domain: paths(65) }))).to.equal('launch-failed');
  });
});
