import { expect } from 'chai';
import { setImmediate } from 'node:timers/promises';
import { Refusal } from '../../../daemon/errors.ts';
import type { EventBody } from '../../../daemon/kubernetes/kubernetes-client.ts';
import { PodEvents, type EventResult } from '../../../daemon/kubernetes/pod-events.ts';
import { ApiError } from '../../../daemon/kubernetes/pod-source.ts';
import type { PodView } from '../../../daemon/kubernetes/pod-view.ts';

interface Rig {
  readonly events: PodEvents;
  readonly sent: string[];
  readonly results: EventResult[];
  /** Milliseconds. */
  time: number;
  /** What the API server does with the next. */
  answer: (kind: 'create' | 'count', event: EventBody) => Promise<void>;
  readonly settle: () => Promise<void>;
}

function start(): Rig {
  const sent: string[] = [];
  const results: EventResult[] = [];
  const sink = (kind: 'create' | 'count') => async (event: EventBody) => {
    await state.answer(kind, event);
    sent.push(`${kind} ${event.pod.uid} ${event.count}`);
  };
  const state: Pick<Rig, 'time' | 'answer'> = { time: 0, answer: () => Promise.resolve() };
  const rig: Rig = Object.assign(state, {
    sent,
    results,
    events: new PodEvents({
      sink: { createEvent: sink('create'), countEvent: sink('count') },
      informer: {
        find: (uid) =>
          uid === 'unknown'
            ? undefined
            : ({ uid, name: `pod-${uid}`, namespace: 'ns', containerIds: [] } as unknown as PodView),
      },
      now: () => state.time,
      onResult: (result) => results.push(result),
    }),
    settle: async () => {
      for (let i = 0; i < 20; i++) await setImmediate();
    },
  });
  return rig;
}

const vm = { uuid: 'vm' };

describe('PodEvents', () => {
  it('makes one event of what happens again, and counts', async () => {
    const { events, sent, settle } = start();
    events.started('a', vm);
    await settle();
    events.started('a', vm);
    await settle();
    events.started('b', vm);
    events.started('a', { uuid: 'other' });
    await settle();
    expect(sent).to.deep.equal(['create a 1', 'count a 2', 'create b 1', 'create a 1']);
  });

  it('sends once what happens again before it is sent', async () => {
    const rig = start();
    let release: () => void = () => undefined;
    rig.answer = () => new Promise((resolve) => (release = resolve));
    rig.events.started('a', vm);
    for (let i = 0; i < 5; i++) rig.events.started('b', vm);
    await rig.settle();
    rig.answer = () => Promise.resolve();
    release();
    await rig.settle();
    expect(rig.sent).to.deep.equal(['create a 1', 'create b 5']);
  });

  it('makes an event anew that Kubernetes has forgotten', async () => {
    const rig = start();
    rig.events.started('a', vm);
    await rig.settle();
    rig.answer = (kind) => (kind === 'count' ? Promise.reject(new ApiError('no', 404)) : Promise.resolve());
    rig.events.started('a', vm);
    await rig.settle();
    expect(rig.sent).to.deep.equal(['create a 1', 'create a 2']);
    rig.time += 3_600_000;
    rig.events.started('a', vm);
    await rig.settle();
    expect(rig.sent.at(-1)).to.equal('create a 1');
  });

  it('goes on after one that failed', async () => {
    const rig = start();
    rig.answer = () => Promise.reject(new ApiError('no', 500));
    rig.events.started('a', vm);
    await rig.settle();
    rig.answer = () => Promise.resolve();
    rig.events.started('a', vm);
    await rig.settle();
    expect(rig.results).to.deep.equal(['failed', 'sent']);
    expect(rig.sent).to.deep.equal(['create a 2']);
  });

  it('limits the events of one pod, and lets others have theirs', async () => {
    const rig = start();
    for (let i = 0; i < 50; i++) rig.events.refused('a', { code: 'secret-mismatch', line: `line ${i}` });
    rig.events.started('b', vm);
    await rig.settle();
    expect(rig.sent.filter((line) => line.startsWith('create a'))).to.have.lengthOf(20);
    expect(rig.sent).to.include('create b 1');
    expect(rig.results.filter((result) => result === 'dropped')).to.have.lengthOf(30);
    rig.time += 60_000;
    rig.events.started('a', vm);
    await rig.settle();
    expect(rig.sent.at(-1)).to.equal('create a 1');
  });

  it('limits the events of all pods together, and what waits', async () => {
    const rig = start();
    rig.answer = () => new Promise(() => undefined);
    for (let i = 0; i < 400; i++) rig.events.started(`p${i}`, vm);
    await rig.settle();
    expect(rig.results).to.have.lengthOf(300).and.include('dropped');
    for (let second = 1; second < 100; second++) {
      rig.time += 1000;
      for (let i = 0; i < 5; i++) rig.events.started(`later-${second}-${i}`, vm);
    }
    expect(rig.results.length).to.equal(300 + 99 * 5 - 157);
  });

  it('says nothing about pods that are not known, nor about what is not theirs', async () => {
    const rig = start();
    rig.events.started('unknown', vm);
    rig.events.started(null, vm);
    rig.events.refused(null, new Refusal('secret-mismatch', 'No', 'do'));
    for (const code of ['busy', 'caller-gone', 'internal', 'kubernetes-unavailable'] as const)
      rig.events.refused('a', new Refusal(code, 'No', 'do'));
    await rig.settle();
    expect([...rig.sent, ...rig.results]).to.deep.equal([]);
  });

  it('writes what the line of a refusal says, cut to what the API takes, and not its detail', async () => {
    const rig = start();
    const bodies: EventBody[] = [];
    rig.answer = (_, event) => {
      bodies.push(event);
      return Promise.resolve();
    };
    const refusal = new Refusal('secret-mismatch', 'x'.repeat(2000), 'do', { detail: 'hidden' });
    rig.events.refused('a', refusal);
    rig.events.refused('a', new Refusal('secret-expired', 'Too late', 'hurry', { detail: 'hidden' }));
    await rig.settle();
    expect(bodies.map(({ type, reason }) => `${type} ${reason}`)).to.deep.equal([
      'Warning VirtualMachineRefused',
      'Warning VirtualMachineRefused',
    ]);
    expect(bodies[0]?.message).to.have.lengthOf(1000);
    expect(bodies[1]?.message).to.equal('Too late; hurry (secret-expired)');
    expect(bodies[0]?.name).to.match(/^pod-a\.[0-9a-f]{16}$/);
  });

  it('sends nothing any more when it is closed', async () => {
    const rig = start();
    rig.answer = () =>
      new Promise((_, reject) => setTimeout(() => reject(new ApiError('aborted', null)), 10));
    rig.events.started('a', vm);
    rig.events.started('b', vm);
    await rig.events.close();
    rig.events.started('c', vm);
    await rig.settle();
    expect(rig.sent).to.deep.equal([]);
  });
});
