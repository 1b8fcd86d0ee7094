import type { Machine } from '../../daemon/machines/machine.ts';

/** A machine that runs, with no more than it must have. */
export const plainMachine: Machine = {
  launchId: 'id',
  vm: { uuid: 'vm' },
  podUid: 'pod',
  containerId: null,
  state: 'running',
  mode: 'fork',
  emulator: '/qemu',
  stub: { pid: 1, startTime: 1 },
  target: { pid: 2, startTime: 2 },
  namespaces: {},
  cgroups: [],
  createdAt: '2026-01-01T00:00:00.000Z',
};
