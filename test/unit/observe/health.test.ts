import { expect } from 'chai';

import { Health } from '../../../daemon/observe/health.ts';

describe('Health', () => {
  it('is live and not ready at first', () => {
    const health = new Health(['socket']);
    expect(health.live().ok).to.equal(true);
    expect(health.ready()).to.deep.equal({
      ok: false,
      conditions: [
        { name: 'process', ok: true, reason: 'ok' },
        { name: 'socket', ok: false, reason: 'not reached yet' },
      ],
    });
  });

  it('is ready when every condition holds, and no longer', () => {
    const health = new Health(['socket', 'broker']);
    health.set('socket', true);
    expect(health.ready().ok).to.equal(false);
    health.set('broker', true);
    expect(health.ready().ok).to.equal(true);
    health.set('broker', false, 'it ended');
    expect(health.ready().conditions.find(({ name }) => name === 'broker')?.reason).to.equal('it ended');
    expect(health.ready().ok).to.equal(false);
    expect(health.live().ok).to.equal(true);
  });

  it('fail() ends liveness and readiness for good, with the first reason', () => {
    const health = new Health([]);
    health.fail('first');
    health.fail('second');
    expect(health.live()).to.deep.equal({
      ok: false,
      conditions: [{ name: 'process', ok: false, reason: 'first' }],
    });
    expect(health.ready().ok).to.equal(false);
  });

  it('onChange() tells changes of readiness only', () => {
    const health = new Health(['socket', 'broker']);
    const told: boolean[] = [];
    health.onChange((ready) => told.push(ready));
    health.set('socket', true);
    health.set('broker', true);
    health.set('broker', true, 'still');
    health.fail('out of memory');
    expect(told).to.deep.equal([true, false]);
  });

  it('set() throws for a condition that was not declared', () => {
    expect(() => new Health([]).set('socket', true)).to.throw('Cannot set the condition "socket"');
  });
});
