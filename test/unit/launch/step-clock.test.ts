import { expect } from 'chai';

import { StepClock } from '../../../daemon/launch/step-clock.ts';
import { formatStepTimes, launchSteps, parseStepTimes } from '../../../daemon/machines/launch-step.ts';

describe('StepClock', () => {
  let now = 0;
  const clockFrom = (begin: number): StepClock => {
    now = begin;
    return new StepClock(begin, () => now);
  };

  it('adds up what was spent on each step, also on one that was entered again', () => {
    const clock = clockFrom(1000);
    now = 1001;
    clock.enter('find');
    now = 1011;
    clock.enter('secret');
    now = 1013;
    clock.enter('find');
    now = 1020;
    clock.enter('start');
    now = 1120;
    const steps = clock.stop();
    expect(steps).to.deep.equal([
      { step: 'receive', seconds: 0.001 },
      { step: 'find', seconds: 0.017 },
      { step: 'secret', seconds: 0.002 },
      { step: 'start', seconds: 0.1 },
    ]);
    expect(steps.reduce((sum, { seconds }) => sum + seconds, 0)).to.be.closeTo(0.12, 1e-9);
  });

  it('counts nothing after the stop', () => {
    const clock = clockFrom(0);
    now = 5;
    const steps = clock.stop();
    now = 100;
    clock.enter('start');
    now = 200;
    expect(clock.stop()).to.deep.equal(steps);
  });

  it('leaves out the steps that were not come to, and the one that goes on', () => {
    const clock = clockFrom(0);
    clock.enter('find');
    expect(clock.times.map(({ step }) => step)).to.deep.equal(['receive']);
  });
});

describe('parseStepTimes()', () => {
  it('reads what formatStepTimes() writes, to the microsecond', () => {
    const times = launchSteps.map((step, index) => ({ step, seconds: index + 0.000001 }));
    expect(parseStepTimes(formatStepTimes(times))).to.deep.equal(times);
  });

  it('leaves out steps that this release does not know, and lines that are torn', () => {
    expect(parseStepTimes('find 0.001000\nfly 1.000000\nstart 0.0')).to.deep.equal([
      { step: 'find', seconds: 0.001 },
    ]);
  });

  it('says that nothing is known', () => {
    for (const text of ['', '\n', 'x', 'fly 1.000000\n']) expect(parseStepTimes(text)).to.equal(null);
  });
});
