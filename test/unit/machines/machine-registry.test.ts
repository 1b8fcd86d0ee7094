import { expect } from 'chai';
import type { Machine } from '../../../daemon/machines/machine.ts';
import { MachineRegistry } from '../../../daemon/machines/machine-registry.ts';

function machine(launchId: string, changes: Partial<Machine> = {}): Machine {
  return {
    launchId,
    vm: { uuid: 'vm' },
    podUid: 'pod',
    containerId: null,
    state: 'running',
    emulator: '/qemu',
    stub: { pid: 1, startTime: 1 },
    target: { pid: 2, startTime: 2 },
    namespaces: {},
    cgroups: [],
    createdAt: '2026-01-01T00:00:00.000Z',
    ...changes,
  };
}

function quiet(): MachineRegistry {
  return new MachineRegistry(() => undefined);
}

describe('MachineRegistry', () => {
  it('lists machines by age, and forgets the removed', () => {
    const registry = quiet();
    registry.put(machine('b', { createdAt: '2026-01-02T00:00:00.000Z' }));
    registry.put(machine('a'));
    registry.put(machine('c'));
    registry.remove('c');
    expect(registry.list().map(({ launchId }) => launchId)).to.deep.equal(['a', 'b']);
    expect(registry.get('b')?.createdAt).to.equal('2026-01-02T00:00:00.000Z');
    expect(registry.get('c')).to.equal(undefined);
  });

  it('finds what a VM has in a pod only while it starts or runs', () => {
    const registry = quiet();
    for (const [state, isLive] of [
      ['starting', true],
      ['running', true],
      ['exited', false],
      ['lost', false],
    ] as const) {
      registry.put(machine('a', { state }));
      expect(registry.findLive('vm', 'pod')?.launchId, state).to.equal(isLive ? 'a' : undefined);
    }
  });

  it('tells pods and VMs apart: an incoming migration has another pod', () => {
    const registry = quiet();
    registry.put(machine('a'));
    registry.put(machine('n', { podUid: null }));
    expect(registry.findLive('vm', 'other')).to.equal(undefined);
    expect(registry.findLive('other', 'pod')).to.equal(undefined);
    expect(registry.findLive('vm', null)?.launchId).to.equal('n');
  });

  it('tells of each change with what was before', () => {
    const changes: string[] = [];
    const registry = new MachineRegistry((now, before) =>
      changes.push(`${before?.state ?? 'none'} → ${now.state}`),
    );
    registry.put(machine('a', { state: 'starting' }));
    registry.put(machine('a'));
    expect(changes).to.deep.equal(['none → starting', 'starting → running']);
  });

  it('remembers the last 100 that ended, and all that live', () => {
    const registry = quiet();
    for (let index = 0; index < 300; index++) {
      registry.put(machine(`live-${index}`));
      registry.put(machine(`ended-${index}`));
      registry.put(machine(`ended-${index}`, { state: index % 2 === 0 ? 'exited' : 'lost' }));
    }
    const ids = registry.list().map(({ launchId }) => launchId);
    expect(ids.filter((id) => id.startsWith('live'))).to.have.lengthOf(300);
    const ended = ids.filter((id) => id.startsWith('ended'));
    expect(ended).to.have.lengthOf(100).and.include('ended-299').and.not.include('ended-199');
  });
});
