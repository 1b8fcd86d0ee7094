import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';

import { FairQueue } from '../../daemon/fair-queue.ts';

describe('FairQueue', () => {
  /** Starts actions by key; each ends when it is told to, by the order in which they started. */
  const start = (
    queue: FairQueue,
    keys: readonly string[],
  ): { readonly started: string[]; readonly end: (key: string) => void } => {
    const started: string[] = [];
    const ends: { readonly key: string; readonly end: () => void }[] = [];
    for (const key of keys)
      void queue.run(key, () => {
        started.push(key);
        return new Promise<void>((resolve) => ends.push({ key, end: resolve }));
      });
    return {
      started,
      end: (key) => {
        const index = ends.findIndex((each) => each.key === key);
        ends.splice(index, 1)[0]?.end();
      },
    };
  };

  it('runs no more at once than it may, of one key and of all', async () => {
    const { started } = start(new FairQueue({ total: 3, perKey: 2 }), ['a', 'a', 'a', 'b', 'c']);
    await sleep(0);
    expect(started.toSorted()).to.deep.equal(['a', 'a', 'b']);
  });

  it('takes the keys in turn, however many wait for one of them', async () => {
    const queue = new FairQueue({ total: 1, perKey: 1 });
    const { started, end } = start(queue, ['a', 'a', 'a', 'a', 'b', 'c', 'b']);
    for (const key of ['a', 'b', 'c', 'a', 'b']) {
      await sleep(0);
      expect(started.at(-1)).to.equal(key);
      end(key);
    }
  });

  it('gives what the action gives, goes on after one that fails, and forgets keys', async () => {
    const queue = new FairQueue({ total: 1, perKey: 1 });
    const failed = queue.run('a', () => Promise.reject(new Error('no')));
    const next = queue.run('a', () => Promise.resolve(7));
    expect(await failed.catch((error: unknown) => String(error))).to.equal('Error: no');
    expect(await next).to.equal(7);
  });
});
