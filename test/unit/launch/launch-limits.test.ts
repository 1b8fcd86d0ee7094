import { expect } from 'chai';
import {
  LaunchLimits,
  Limited,
  type Admission,
  type LaunchLimitsOptions,
} from '../../../daemon/launch/launch-limits.ts';

const MIB = 1024 * 1024;

describe('LaunchLimits', () => {
  let time: number;
  let evicted: string[];

  beforeEach(() => {
    time = 0;
    evicted = [];
  });

  const limits = (options: Partial<LaunchLimitsOptions> = {}): LaunchLimits =>
    new LaunchLimits({ total: 10, perOrigin: 3, perSecond: null, now: () => time, ...options });
  const admit = (door: LaunchLimits, origin: string, name = origin): Admission =>
    door.admit(origin, ({ kind }) => evicted.push(`${name} ${kind}`));
  const kindOf = (action: () => unknown): string => {
    try {
      action();
      return 'none';
    } catch (error) {
      return error instanceof Limited ? `${error.code} ${error.kind}` : String(error);
    }
  };

  it('ends the oldest unfinished request of an origin that has too many, never the newest', () => {
    const door = limits();
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) admit(door, 'a', name);
    expect(evicted).to.deep.equal(['a1 unfinished', 'a2 unfinished']);
  });

  it('leaves other origins alone, and what is whole', () => {
    const door = limits();
    const whole = admit(door, 'a', 'whole');
    whole.completed();
    admit(door, 'b');
    for (let i = 0; i < 20; i++) admit(door, 'a', 'slow');
    expect(new Set(evicted)).to.deep.equal(new Set(['slow unfinished']));
    expect(evicted).to.have.lengthOf(17);
  });

  it('ends one of the most crowded origin when all places are taken', () => {
    const door = limits({ total: 4 });
    for (const [origin, name] of [
      ['a', 'a1'],
      ['b', 'b1'],
      ['b', 'b2'],
      ['c', 'c1'],
    ] as const)
      admit(door, origin, name);
    expect(door.isFull).to.equal(false);
    admit(door, 'd');
    expect(evicted).to.deep.equal(['b1 unfinished']);
  });

  it('is full of decisions only, and refuses then who comes', () => {
    const door = limits({ total: 2 });
    const [first, second] = [admit(door, 'a'), admit(door, 'b')];
    first.completed();
    second.completed();
    expect(door.isFull).to.equal(true);
    expect(kindOf(() => admit(door, 'c'))).to.equal('busy connections');
    first.left();
    first.left();
    expect(door.isFull).to.equal(false);
    expect(kindOf(() => admit(door, 'c'))).to.equal('none');
    expect(evicted).to.deep.equal([]);
  });

  it('lets no origin have more decided on than it may', () => {
    const door = limits();
    for (let i = 0; i < 3; i++) admit(door, 'a').completed();
    expect(kindOf(() => admit(door, 'a').completed())).to.equal('busy connections');
    expect(kindOf(() => admit(door, 'b').completed())).to.equal('none');
  });

  it('lets an origin call no oftener than it may, after a burst', () => {
    const door = limits({ perSecond: 2, total: 100, perOrigin: 100 });
    for (let i = 0; i < 8; i++) admit(door, 'a').left();
    expect(kindOf(() => admit(door, 'a'))).to.equal('busy rate');
    expect(kindOf(() => admit(door, 'b'))).to.equal('none');
    time += 500;
    expect(kindOf(() => admit(door, 'a'))).to.equal('none');
    expect(kindOf(() => admit(door, 'a'))).to.equal('busy rate');
  });

  it('takes a process that calls again and again in one second for no stub', () => {
    const door = limits({ perSecond: 2 });
    const call = (pid: number): boolean => door.isRepeating(pid);
    expect(Array.from({ length: 6 }, () => call(7))).to.deep.equal([false, false, false, false, true, true]);
    expect(call(8)).to.equal(false);
    time += 999;
    expect(call(7)).to.equal(true);
    time += 1;
    expect(call(7)).to.equal(false);
    const open = limits();
    expect(Array.from({ length: 99 }, () => open.isRepeating(7))).to.not.include(true);
  });

  it('counts no bytes of ordinary requests', () => {
    const door = limits({ total: 1000, perOrigin: 1000 });
    for (let i = 0; i < 500; i++) {
      const admission = admit(door, 'a');
      expect(kindOf(() => admission.received(250 * 1024))).to.equal('none');
      admission.completed();
      admission.left();
    }
  });

  it('ends the largest unfinished request when an origin holds up too much', () => {
    const door = limits({ total: 1000, perOrigin: 1000 });
    const large = Array.from({ length: 8 }, (_, i) => admit(door, 'a', `large${i}`));
    large.forEach((each, i) => each.received(4 * MIB - i));
    expect(evicted).to.deep.equal([]);
    expect(kindOf(() => admit(door, 'a', 'honest').received(100 * 1024))).to.equal('none');
    expect(evicted).to.deep.equal(['large0 bytes']);
  });

  it('counts the bytes of requests that are being decided on, until they have left', () => {
    const door = limits({ total: 1000, perOrigin: 1000 });
    const whole = Array.from({ length: 8 }, () => admit(door, 'a'));
    for (const each of whole) {
      each.received(4 * MIB);
      each.completed();
    }
    const late = admit(door, 'a', 'late');
    expect(kindOf(() => late.received(MIB))).to.equal('busy bytes');
    late.left();
    expect(kindOf(() => admit(door, 'b').received(MIB))).to.equal('none');
    whole[0]?.left();
    expect(kindOf(() => admit(door, 'a').received(MIB))).to.equal('none');
    expect(evicted).to.deep.equal([]);
  });

  it('leaves ordinary requests room beside large ones that are being decided on, and no end of it', () => {
    const door = limits({ total: 1000, perOrigin: 1000 });
    for (let i = 0; i < 8; i++) {
      const large = admit(door, 'a');
      large.received(4 * MIB);
      large.completed();
    }
    const kinds = Array.from({ length: 200 }, () => {
      const ordinary = admit(door, 'a');
      return kindOf(() => {
        ordinary.received(40 * 1024);
        ordinary.completed();
      });
    });
    expect(new Set(kinds)).to.deep.equal(new Set(['none']));
    expect(kindOf(() => Array.from({ length: 8 }, () => admit(door, 'a').received(250 * 1024)))).to.equal(
      'busy bytes',
    );
    expect(evicted).to.deep.equal([]);
  });

  it('lets an origin send no more large requests than it may', () => {
    const door = limits({ total: 1000 });
    const send = (): void => {
      const admission = admit(door, 'a');
      try {
        admission.received(4 * MIB);
      } finally {
        admission.left();
      }
    };
    for (let i = 0; i < 17; i++) send();
    expect(kindOf(send)).to.equal('busy bytes');
    time += 1000;
    expect(kindOf(send)).to.equal('none');
  });

  it('is off where it is configured so', () => {
    const door = limits({ perOrigin: null, total: 5 });
    for (let i = 0; i < 5; i++) admit(door, 'a').received(4 * MIB);
    expect(kindOf(() => admit(door, 'b'))).to.equal('busy connections');
    expect(evicted).to.deep.equal([]);
  });
});
