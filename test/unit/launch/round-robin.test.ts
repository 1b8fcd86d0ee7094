import { expect } from 'chai';
import { RoundRobin } from '../../../daemon/launch/round-robin.ts';

function queueOf(...items: readonly (readonly [string, string])[]): RoundRobin<string> {
  const queue = new RoundRobin<string>();
  for (const [key, item] of items) queue.push(key, item);
  return queue;
}

function takeAll(queue: RoundRobin<string>): readonly string[] {
  const taken: string[] = [];
  for (let item = queue.take(); item !== undefined; item = queue.take()) taken.push(item);
  return taken;
}

describe('RoundRobin', () => {
  it('takes from each line in turn, and within a line in the order of coming', () => {
    const queue = queueOf(['a', 'a1'], ['a', 'a2'], ['a', 'a3'], ['b', 'b1'], ['b', 'b2'], ['c', 'c1']);
    expect(takeAll(queue)).to.deep.equal(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
    expect(queue.size).to.equal(0);
  });

  it('lets whoever comes behind a crowd wait for one of it', () => {
    const queue = queueOf(...Array.from({ length: 1000 }, (_, at) => ['crowd', `${at}`] as const));
    expect(queue.take()).to.equal('0');
    queue.push('honest', 'honest');
    expect([queue.take(), queue.take(), queue.take()]).to.deep.equal(['1', 'honest', '2']);
  });

  it('begins a line anew that had come to its end', () => {
    const queue = queueOf(['a', 'a1']);
    expect(queue.take()).to.equal('a1');
    queue.push('a', 'a2');
    expect(takeAll(queue)).to.deep.equal(['a2']);
  });

  it('gives up the last of the longest line', () => {
    const queue = queueOf(['a', 'a1'], ['b', 'b1'], ['b', 'b2'], ['c', 'c1']);
    expect(queue.takeFromLongest()).to.equal('b2');
    expect(queue.size).to.equal(3);
    expect(takeAll(queue)).to.deep.equal(['a1', 'b1', 'c1']);
    expect(queue.takeFromLongest()).to.equal(undefined);
  });
});
