import { expect } from 'chai';
import { RoundRobin } from '../../../daemon/launch/round-robin.ts';

/** Each item is written as the owner, the line, and a number: `a1x2`. */
function queueOf(...items: readonly string[]): RoundRobin<string> {
  const queue = new RoundRobin<string>();
  for (const item of items) push(queue, item);
  return queue;
}

function push(queue: RoundRobin<string>, item: string): void {
  const [owner = '', line = ''] = item;
  queue.push({ owner, line }, item);
}

function takeAll(queue: RoundRobin<string>): readonly string[] {
  const taken: string[] = [];
  for (let item = queue.take(); item !== undefined; item = queue.take()) taken.push(item);
  return taken;
}

describe('RoundRobin', () => {
  it('takes of each owner in turn, and within a line in the order of coming', () => {
    const queue = queueOf('ax1', 'ax2', 'ax3', 'bx1', 'bx2', 'cx1');
    expect(takeAll(queue)).to.deep.equal(['ax1', 'bx1', 'cx1', 'ax2', 'bx2', 'ax3']);
    expect(queue.size).to.equal(0);
    expect(queue.take()).to.equal(undefined);
  });

  it('takes of the lines of an owner in turn', () => {
    const queue = queueOf('ax1', 'ax2', 'ay1', 'az1');
    expect(takeAll(queue)).to.deep.equal(['ax1', 'ay1', 'az1', 'ax2']);
  });

  it('lets whoever comes behind a crowd wait for one of it, however many lines it makes', () => {
    const queue = new RoundRobin<string>();
    for (let at = 0; at < 1000; at++) queue.push({ owner: 'crowd', line: `${at}` }, `${at}`);
    expect(queue.take()).to.equal('0');
    queue.push({ owner: 'honest', line: '' }, 'honest');
    expect([queue.take(), queue.take(), queue.take()]).to.deep.equal(['1', 'honest', '2']);
  });

  it('begins a line anew that had come to its end', () => {
    const queue = queueOf('ax1');
    expect(queue.take()).to.equal('ax1');
    push(queue, 'ax2');
    expect(takeAll(queue)).to.deep.equal(['ax2']);
  });

  it('gives up the last of the longest line of the owner who has the most', () => {
    const queue = queueOf('ax1', 'bx1', 'by1', 'by2', 'cx1', 'cx2');
    expect(queue.takeFromLongest()).to.equal('by2');
    expect(queue.size).to.equal(5);
    expect(takeAll(queue)).to.deep.equal(['ax1', 'bx1', 'cx1', 'by1', 'cx2']);
    expect(queue.takeFromLongest()).to.equal(undefined);
  });

  it('keeps among equals who has waited for the longest', () => {
    const queue = queueOf('hx1', 'ax1', 'bx1');
    expect(queue.takeFromLongest()).to.equal('bx1');
    expect(takeAll(queue)).to.deep.equal(['hx1', 'ax1']);
  });
});
