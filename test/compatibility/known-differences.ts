import type { Observation, StageMode } from './compatibility-row.ts';

/** What is not as with QEMU itself, and why. */
export interface KnownDifference {
  readonly operation: string;
  readonly mode: Exclude<StageMode, 'bare'>;
  /** Those parts of the observation that are different, as they are. */
  readonly observed: Observation;
  readonly reason: string;
}

const stubsFigures =
  'libvirt reads these from `/proc` by the pid that it knows, which is that of the waiting stub. The figures of QEMU ' +
  "are those of the pod's cgroup.";

/** Every difference that the tests allow; one more or less is a failure. */
export const knownDifferences: readonly KnownDifference[] = [
  {
    operation: 'domstats',
    mode: 'fork',
    observed: {
      'cpu.time': "not QEMU's",
      'cpu.user': "not QEMU's",
      'vcpu.0.time': '0',
      'balloon.rss': "not QEMU's",
    },
    reason: stubsFigures,
  },
  {
    operation: 'vcpuinfo',
    mode: 'fork',
    observed: { time: 'missing' },
    reason: stubsFigures,
  },
  {
    operation: 'dommemstat',
    mode: 'fork',
    observed: { rss: "not QEMU's" },
    reason: stubsFigures,
  },
  {
    operation: 'dominfo',
    mode: 'fork',
    observed: { 'CPU time': "not QEMU's" },
    reason: stubsFigures,
  },
  {
    operation: 'kill -9 of the process that libvirt knows',
    mode: 'fork',
    observed: { state: 'shut off (shutdown)' },
    reason:
      'The kernel ends the stub, not QEMU. The supervisor then ends QEMU with SIGTERM, and with SIGKILL after ' +
      '`stub-gone-grace`, so that it can still write to its disks. libvirt hears that from QEMU and calls it a shutdown.',
  },
  {
    operation: 'emulatorpin --live',
    mode: 'fork',
    observed: { QEMU: '0-1' },
    reason:
      'libvirt pins the process that it knows, the stub. The pins of `<cputune>` are carried over when QEMU starts; ' +
      'use `vcpupin` and `iothreadpin` later: those pin the threads of QEMU itself.',
  },
];
