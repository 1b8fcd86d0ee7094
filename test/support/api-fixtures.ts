import type { Machine } from '../../daemon/machines/machine.ts';
import type { Target } from '../../daemon/target/target.ts';

/** A target with every field set. */
export const exampleTarget: Target = {
  pid: 4242,
  startTime: 9_007_199_254_740_991,
  podUid: 'f3f1a2b4-0c1d-4e2f-8a9b-0c1d2e3f4a5b',
  containerId: 'c0ffee'.padEnd(64, '0'),
  vm: { uuid: '6f0b2d6e-1111-4222-8333-444455556666', name: 'testvm' },
  init: { pid: 4200, startTime: 123_000 },
  namespaces: { mnt: 4_026_532_100, net: 4_026_532_101, time: 4_026_531_834 },
  cgroups: [
    { hierarchy: 'cpu,cpuacct', path: '/kubepods/pod1/c0ffee' },
    { hierarchy: '', path: '/kubepods.slice/pod1.slice' },
  ],
  credentials: { uid: 107, gid: 108, groups: [107, 36] },
};

/** A machine that runs, with every field set but the exit. */
export const exampleMachine: Machine = {
  launchId: 'launch-1',
  vm: { uuid: '6f0b2d6e-1111-4222-8333-444455556666', name: 'testvm' },
  podUid: exampleTarget.podUid,
  containerId: exampleTarget.containerId,
  state: 'running',
  mode: 'fork',
  profile: 'default',
  emulator: '/usr/bin/qemu-system-x86_64',
  stub: { pid: 10, startTime: 11 },
  shim: { pid: 20, startTime: 21 },
  qemu: { pid: 30, startTime: 31 },
  target: { pid: 4242, startTime: 41 },
  namespaces: exampleTarget.namespaces,
  cgroups: exampleTarget.cgroups,
  createdAt: '2026-11-23T19:06:00.125Z',
  steps: [
    { step: 'find', seconds: 0.0123456 },
    { step: 'start', seconds: 1.5 },
  ],
};
