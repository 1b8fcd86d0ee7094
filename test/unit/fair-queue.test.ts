import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';

import { CrowdedError, FairQueue, type WaitLimits } from '../../daemon/fair-queue.ts';

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

  it('has who is gone leave the line, and starts nothing for him', async () => {
    const queue = new FairQueue({ total: 1, perKey: 1 });
    const { started, end } = start(queue, ['a']);
    const leaver = new AbortController();
    const reason = new Error('gone');
    const outcomes = Array.from({ length: 3 }, () =>
      queue
        .run('a', () => Promise.resolve(started.push('leaver')), { gone: leaver.signal })
        .catch((error: unknown) => error),
    );
    const stays = queue.run('a', () => Promise.resolve('served'));
    leaver.abort(reason);
    expect(await Promise.all(outcomes)).to.deep.equal([reason, reason, reason]);
    const late = queue.run('b', () => Promise.resolve(), { gone: leaver.signal });
    expect(await late.catch((error: unknown) => error)).to.equal(reason);
    end('a');
    expect(await stays).to.equal('served');
    expect(started).to.deep.equal(['a']);
  });

  it('starts nothing for who is gone at the moment at which his turn comes', async () => {
    const queue = new FairQueue({ total: 1, perKey: 1 });
    const { end } = start(queue, ['a']);
    const leaver = new AbortController();
    const outcome = queue
      .run('a', () => Promise.resolve('started'), { gone: leaver.signal })
      .catch(() => 'not started');
    await sleep(0);
    end('a');
    await Promise.resolve();
    leaver.abort(new Error('gone'));
    const next = queue.run('a', () => Promise.resolve('next'));
    expect(await Promise.all([outcome, next])).to.deep.equal(['not started', 'next']);
  });

  it('refuses an asker who has too many in one line, and nobody else', async () => {
    const queue = new FairQueue({ total: 1, perKey: 1, perAsker: 2 });
    const { end } = start(queue, ['a']);
    const ask = (key: string, origin: string): Promise<unknown> =>
      queue.run(key, () => Promise.resolve('served'), { origin }).catch((error: unknown) => error);
    const asked = [ask('a', 'x'), ask('a', 'x'), ask('a', 'x'), ask('a', 'y'), ask('b', 'x')];
    expect(await asked[2]).to.be.instanceOf(CrowdedError);
    end('a');
    const others = asked.filter((_, index) => index !== 2);
    expect(await Promise.all(others)).to.deep.equal(Array(4).fill('served'));
  });

  it('holds an asker to limits of its own, where they are narrower', async () => {
    const queue = new FairQueue({ total: 1, perKey: 1, perAsker: 2, longestWaitMs: 20 });
    const { started, end } = start(queue, ['a']);
    const ask = (origin: string, limits: WaitLimits): Promise<unknown> =>
      queue.run('a', () => Promise.resolve('served'), { origin, limits }).catch((error: unknown) => error);
    const narrow = [1, 2].map(() => ask('x', { perAsker: 1, longestWaitMs: 60_000 }));
    const wide = [1, 2, 3].map(() => ask('y', { perAsker: 100, longestWaitMs: 60_000 }));
    for (const refused of [narrow[1], wide[2], narrow[0], wide[0]])
      expect(await refused).to.be.instanceOf(CrowdedError);
    expect(await ask('z', { longestWaitMs: 1 })).to.be.instanceOf(CrowdedError);
    end('a');
    expect(started).to.deep.equal(['a']);
  });

  it('has nobody wait for ever', async () => {
    const queue = new FairQueue({ total: 1, perKey: 1, longestWaitMs: 10 });
    const { started, end } = start(queue, ['a']);
    const waits = queue.run('a', () => Promise.resolve('served')).catch((error: unknown) => error);
    expect(await waits).to.be.instanceOf(CrowdedError);
    end('a');
    expect(await queue.run('a', () => Promise.resolve('served'))).to.equal('served');
    expect(started).to.deep.equal(['a']);
  });
});
