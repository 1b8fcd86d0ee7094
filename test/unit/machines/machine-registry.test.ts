import { expect } from 'chai';
import type { Machine } from '../../../daemon/machines/machine.ts';
import { MachineRegistry } from '../../../daemon/machines/machine-registry.ts';
import { plainMachine } from '../../support/plain-machine.ts';

function machine(launchId: string, changes: Partial<Machine> = {}): Machine {
  return { ...plainMachine, launchId, ...changes };
}

describe('MachineRegistry', () => {
  it('lists machines by age, and forgets the removed', () => {
    const registry = new MachineRegistry();
    registry.put(machine('b', { createdAt: '2026-01-02T00:00:00.000Z' }));
    registry.put(machine('a'));
    registry.put(machine('c'));
    registry.remove('c');
    expect(registry.list().map(({ launchId }) => launchId)).to.deep.equal(['a', 'b']);
    expect(registry.get('b')?.createdAt).to.equal('2026-01-02T00:00:00.000Z');
    expect(registry.get('c')).to.equal(undefined);
  });

  it('finds what a VM has in a pod only while it starts or runs', () => {
    const registry = new MachineRegistry();
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
    const registry = new MachineRegistry();
    registry.put(machine('a'));
    registry.put(machine('n', { podUid: null }));
    expect(registry.findLive('vm', 'other')).to.equal(undefined);
    expect(registry.findLive('other', 'pod')).to.equal(undefined);
    expect(registry.findLiveElsewhere('vm', 'pod')?.launchId).to.equal('n');
    expect(registry.findLiveElsewhere('other', 'pod')).to.equal(undefined);
    expect(registry.findLive('vm', null)?.launchId).to.equal('n');
  });

  it('tells every subscriber of each change, with what was before and a growing revision', () => {
    const registry = new MachineRegistry();
    const heard: string[][] = [[], []];
    const subscriptions = heard.map((lines) =>
      registry.subscribe(({ kind, machine: now, before, revision }) =>
        lines.push(`${revision} ${kind} ${before?.state ?? 'none'} → ${now.state}`),
      ),
    );
    registry.put(machine('a', { state: 'starting' }));
    registry.put(machine('a'));
    registry.remove('unknown');
    subscriptions[0]?.();
    registry.remove('a');
    const changes = [
      '1 added none → starting',
      '2 changed starting → running',
      '3 removed running → running',
    ];
    expect(heard).to.deep.equal([changes.slice(0, 2), changes]);
    expect(registry.revision).to.equal(3);
  });

  it('keeps two subscriptions of one function apart', () => {
    const registry = new MachineRegistry();
    let calls = 0;
    const listener = (): void => {
      calls += 1;
    };
    const unsubscribe = registry.subscribe(listener);
    registry.subscribe(listener);
    unsubscribe();
    unsubscribe();
    registry.put(machine('a'));
    expect(calls).to.equal(1);
  });

  it('tells of the ended ones that it forgets', () => {
    const registry = new MachineRegistry();
    const removed: string[] = [];
    registry.subscribe(({ kind, machine: { launchId } }) => {
      if (kind === 'removed') removed.push(launchId);
    });
    for (let index = 0; index < 102; index++) registry.put(machine(`e-${index}`, { state: 'exited' }));
    expect(removed).to.deep.equal(['e-0', 'e-1']);
  });

  it('remembers the last 100 that ended, and all that live', () => {
    const registry = new MachineRegistry();
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
