import { expect } from 'chai';
import { setImmediate as turn } from 'node:timers/promises';
import { CallerQueue } from '../../../daemon/launch/caller-queue.ts';

interface Served {
  readonly queue: CallerQueue<string>;
  readonly served: readonly string[];
  readonly sentAway: readonly string[];
}

/** One caller a turn of the event loop. */
function slowly(room = 100): Served {
  const served: string[] = [];
  const sentAway: string[] = [];
  const queue = new CallerQueue<string>({
    room,
    sliceMs: 0,
    serve: (item) => served.push(item),
    sendAway: (item) => sentAway.push(item),
  });
  return { queue, served, sentAway };
}

describe('CallerQueue', () => {
  it('serves nobody before the event loop has had its turn, and then one after the other', async () => {
    const { queue, served } = slowly();
    for (const item of ['a1', 'a2', 'a3']) queue.push({ owner: 'a', line: '' }, item);
    expect(served).to.deep.equal([]);
    await turn();
    expect(served).to.deep.equal(['a1']);
    queue.push({ owner: 'b', line: '' }, 'b1');
    for (let turns = 0; turns < 4; turns++) await turn();
    expect(served).to.deep.equal(['a1', 'a2', 'b1', 'a3']);
  });

  it('serves all in one turn that there is time for', async () => {
    const served: string[] = [];
    const queue = new CallerQueue<string>({
      room: 9,
      sliceMs: 1000,
      serve: (item) => served.push(item),
      sendAway: () => undefined,
    });
    for (const item of ['a1', 'a2']) queue.push({ owner: 'a', line: '' }, item);
    await turn();
    expect(served).to.deep.equal(['a1', 'a2']);
  });

  it('sends away of those who are the most when there is no more room', async () => {
    const { queue, served, sentAway } = slowly(3);
    for (const item of ['a1', 'a2', 'a3']) queue.push({ owner: 'a', line: '' }, item);
    queue.push({ owner: 'b', line: '' }, 'b1');
    expect(sentAway).to.deep.equal(['a3']);
    for (let turns = 0; turns < 4; turns++) await turn();
    expect(served).to.deep.equal(['a1', 'b1', 'a2']);
  });

  it('sends all away, and serves who comes later', async () => {
    const { queue, served, sentAway } = slowly();
    for (const item of ['a1', 'a2']) queue.push({ owner: 'a', line: '' }, item);
    queue.clear();
    expect(sentAway).to.deep.equal(['a1', 'a2']);
    queue.push({ owner: 'a', line: '' }, 'a3');
    for (let turns = 0; turns < 2; turns++) await turn();
    expect(served).to.deep.equal(['a3']);
  });
});
