import { expect } from 'chai';

import { CachedChecks } from '../../../../daemon/observe/status/cached-checks.ts';
import type { StatusCheck } from '../../../../daemon/observe/status/status-check.ts';

const check: StatusCheck = { title: 'x', verdict: 'ok', detail: '', remedy: null };

describe('CachedChecks', () => {
  it('runs them once for all who look within a time, also while they run', async () => {
    let runs = 0;
    let now = 0;
    const run = (): Promise<readonly StatusCheck[]> => {
      runs++;
      return Promise.resolve([check]);
    };
    const checks = new CachedChecks({ run, freshMs: 100, now: () => now });
    await Promise.all([checks.get(), checks.get()]);
    now = 99;
    expect(await checks.get()).to.deep.equal([check]);
    expect(runs).to.equal(1);
    now = 100;
    await checks.get();
    expect(runs).to.equal(2);
  });

  it('makes a finding of what goes wrong', async () => {
    const run = (): never => {
      throw new Error('disk on fire');
    };
    const checks = new CachedChecks({ run, freshMs: 100, now: () => 0 });
    expect(await checks.get()).to.deep.equal([
      {
        title: 'Checks',
        verdict: 'failure',
        detail: 'Cannot look at the node: disk on fire',
        remedy: 'see the log of the node driver',
      },
    ]);
  });
});
