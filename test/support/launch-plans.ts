import { cpuMask } from '../../daemon/launch/cpu-mask.ts';
import type { LaunchPlan } from '../../daemon/launch/launch-plan.ts';

/** A plan with something of everything, to be changed where a test needs it. */
export const samplePlan: LaunchPlan = {
  launchId: '5f1d7a6e-0000-4000-8000-000000000001',
  emulator: '/usr/bin/qemu-system-x86_64',
  arguments: [Buffer.from(''), Buffer.from('-name'), Buffer.from([0xff, 0x0a, 0x22])],
  environment: [Buffer.from('A=b'), Buffer.from('EMPTY='), Buffer.from('no equals sign')],
  cwd: Buffer.from('/'),
  uid: 64_055,
  gid: 108,
  groups: [108, 0xffff_fffe],
  ids: [
    { kind: 'user', id: 64_055, nodeId: 1_064_055 },
    { kind: 'group', id: 108, nodeId: 1_000_108 },
  ],
  umask: 0o137,
  limits: [
    { resource: 7, soft: 1024n, hard: 2n ** 63n },
    { resource: 8, soft: 0n, hard: null },
  ],
  oomScoreAdj: -997,
  affinity: cpuMask('0-3,65'),
  namespaces: [
    { flag: 0x0002_0000, inode: 4_026_531_840 },
    { flag: 0x4000_0000, inode: 4_026_532_000 },
    { flag: 0x1000_0000, inode: 4_026_532_001 },
  ],
  cgroups: ['/sys/fs/cgroup/cpu/kubepods/pod1/c', '/sys/fs/cgroup/unified/kubepods/pod1/c'],
  cgroupText: Buffer.from('1:cpu:/kubepods/pod1/c\n0::/kubepods/pod1/c\n'),
  projections: [
    { path: '/var/lib/libvirt/qemu/domain-1-vm', owned: true, optional: false },
    { path: '/srv/ü', owned: false, optional: true },
  ],
  fdCount: 1000,
  stubGoneGraceMs: 2000,
  podGoneGraceMs: 1000,
  deadlineMs: 8000,
  shimCgroups: ['/sys/fs/cgroup/cpu/kubevirt-node-driver/x'],
  hostMountNamespace: '/host/proc/1/ns/mnt',
  monitorFd: null,
  seccomp: { flags: 2, program: Buffer.from('060000000000ff7f', 'hex') },
};
