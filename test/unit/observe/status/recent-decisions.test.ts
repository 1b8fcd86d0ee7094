import { expect } from 'chai';

import { auditText, type AuditRecord } from '../../../../daemon/observe/audit-record.ts';
import { RecentDecisions } from '../../../../daemon/observe/status/recent-decisions.ts';

const record: AuditRecord = {
  event: 'launch',
  decision: 'refused',
  launchId: auditText('1'),
  code: 'secret-mismatch',
  cause: auditText('Cannot accept it'),
  detail: auditText('what the caller is not told'),
  checks: [],
  caller: null,
  vm: { uuid: auditText('u'), name: null },
  domain: null,
  pod: null,
  mode: null,
  qemuPid: null,
  seconds: 1,
  steps: { find: 0.25, receive: 0.5 },
  suppressed: 0,
};
const at = new Date(0);

describe('RecentDecisions', () => {
  it('has the newest first, and never the detail', () => {
    const decisions = new RecentDecisions();
    decisions.add(record, at);
    decisions.add({ ...record, launchId: auditText('2'), code: 'busy' }, at);
    expect(decisions.list().map(({ launchId }) => launchId)).to.deep.equal(['2', '1']);
    expect(JSON.stringify(decisions.list())).to.not.include('not told');
    expect(decisions.list()[1]?.steps).to.deep.equal([
      { step: 'receive', seconds: 0.5 },
      { step: 'find', seconds: 0.25 },
    ]);
  });

  it('has one entry for a launch that is allowed, and what came of it', () => {
    const decisions = new RecentDecisions();
    const allowed: AuditRecord = { ...record, decision: 'allowed', code: null, cause: null };
    decisions.add(allowed, at);
    expect(decisions.list().map(({ result }) => result)).to.deep.equal(['allowed']);
    decisions.add({ ...allowed, event: 'outcome' }, at);
    expect(decisions.list().map(({ result, times }) => [result, times])).to.deep.equal([['started', 1]]);
    decisions.add({ ...record, event: 'outcome', code: 'launch-failed' }, at);
    expect(decisions.list().map(({ result }) => result)).to.deep.equal(['refused']);
  });

  it('counts refusals that are alike, with those that were left out of the log', () => {
    const decisions = new RecentDecisions();
    for (let id = 0; id < 1000; id++) decisions.add({ ...record, launchId: auditText(String(id)) }, at);
    decisions.add({ ...record, launchId: auditText('last'), suppressed: 7 }, new Date(5));
    expect(decisions.list()).to.have.lengthOf(1);
    expect(decisions.list()[0]).to.include({ times: 1008, launchId: 'last' });
    expect(decisions.list()[0]?.at).to.deep.equal(new Date(5));
    const checked: AuditRecord = { ...record, event: 'validate-secret', launchId: null };
    for (let i = 0; i < 3; i++) decisions.add(checked, at);
    expect(decisions.list().map(({ kind, times }) => [kind, times])).to.deep.equal([
      ['secret check', 3],
      ['launch', 1008],
    ]);
  });

  it('remembers so many and no more', () => {
    const decisions = new RecentDecisions();
    for (let id = 0; id < 500; id++)
      decisions.add({ ...record, launchId: auditText(String(id)), domain: auditText(`d${id}`) }, at);
    expect(decisions.list()).to.have.lengthOf(50);
    expect(decisions.list()[0]?.domain).to.equal('d499');
  });
});
