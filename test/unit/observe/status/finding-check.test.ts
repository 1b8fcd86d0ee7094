import { expect } from 'chai';

import { newFinding } from '../../../../daemon/doctor/finding.ts';
import { findingCheck } from '../../../../daemon/observe/status/finding-check.ts';

describe('findingCheck()', () => {
  it('shows what was found, where, and what to do', () => {
    const advice = { subject: 'default', remedy: 'make it setuid', command: 'chmod u+s x' };
    expect(
      findingCheck({ check: 'stub', ...newFinding('failure', 'It is not setuid', advice) }),
    ).to.deep.equal({
      title: 'stub: default',
      verdict: 'failure',
      detail: 'It is not setuid',
      remedy: 'make it setuid: chmod u+s x',
    });
    expect(findingCheck({ check: 'clock', ...newFinding('ok', 'It is right') })).to.deep.equal({
      title: 'clock',
      verdict: 'ok',
      detail: 'It is right',
      remedy: null,
    });
  });
});
