import { expect } from 'chai';
import { Refusal, refusalCodes } from '../../../daemon/errors.ts';
import type { LaunchResult } from '../../../daemon/launch/launch-controller.ts';
import { PinnedProcess } from '../../../daemon/host/pinned-process.ts';
import { AuditTrail } from '../../../daemon/launch/audit-trail.ts';
import type { Caller } from '../../../daemon/launch/caller.ts';
import { LaunchObserver, type ObservedLaunch } from '../../../daemon/launch/launch-observer.ts';
import { auditChecks, auditTextOrNull, type AuditRecord } from '../../../daemon/observe/audit-record.ts';
import { ProtocolError } from '../../../daemon/launch/protocol-error.ts';
import { codeOf } from './code-of.ts';
import { plainMachine } from '../../support/plain-machine.ts';

interface Seen {
  readonly observer: LaunchObserver;
  readonly metrics: readonly string[];
  readonly audit: readonly AuditRecord[];
  readonly log: readonly { readonly level: string; readonly fields: object }[];
}

function observe(): Seen {
  const metrics: string[] = [];
  const audit: AuditRecord[] = [];
  const log: { level: string; fields: object }[] = [];
  const note =
    (level: string) =>
    (_message: string, fields: object = {}): void => {
      log.push({ level, fields });
    };
  const observer = new LaunchObserver({
    pods: null,
    logger: { info: note('info'), warn: note('warn'), error: note('error') },
    audit: (record) => audit.push(record),
    metrics: {
      launchStarted: () => metrics.push('started'),
      launchRefused: (code) => metrics.push(`refused ${code}`),
      launchLimited: (kind) => metrics.push(`limited ${kind}`),
      peerRejected: (socket) => metrics.push(`rejected ${socket}`),
    },
  });
  return { observer, metrics, log, audit };
}

const result: LaunchResult = {
  machine: plainMachine,
  started: true,
  failure: null,
};

const caller: Caller = {
  process: Object.create(PinnedProcess.prototype, { pid: { value: 7 } }) as PinnedProcess,
  identity: { pid: 7, startTime: 8 },
  credentials: { uid: 64055, gid: 108, groups: [] },
  connectedAs: 0,
  executable: { device: 1n, inode: 2n },
  umask: 0o022,
  cpus: '0',
  limits: [],
};

const silent = {
  logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
  metrics: {
    launchStarted: () => undefined,
    launchRefused: () => undefined,
    launchLimited: () => undefined,
    peerRejected: () => undefined,
  },
} as const;

function launch(domain: string | null = null, origin = ''): ObservedLaunch {
  return { domain: auditTextOrNull(domain), origin, trail: new AuditTrail(), seconds: () => 1 };
}

describe('LaunchObserver', () => {
  for (const code of refusalCodes)
    it(`counts a refusal as ${code}`, () => {
      const { observer, metrics } = observe();
      observer.refused(new Refusal(code, 'No', 'do'), launch(), null);
      const isPeer = code === 'caller-not-allowed' || code === 'busy';
      expect(metrics).to.deep.equal([`refused ${code}`, ...(isPeer ? ['rejected launch'] : [])]);
    });

  it('counts what broke the protocol as such, and anything else as internal, with its stack in the log', () => {
    const { observer, metrics, log } = observe();
    observer.refused(new ProtocolError('argc', 'x'), launch(), null);
    observer.refused(new Error('disk full'), launch(), null);
    observer.refused('text', launch(), null);
    expect(metrics).to.deep.equal(['refused protocol', 'refused internal', 'refused internal']);
    expect(log.map(({ level }) => level)).to.deep.equal(['warn', 'error', 'error']);
    expect(log[1]?.fields).to.include({ error: 'disk full' }).and.to.have.property('stack');
  });

  it('writes no control or formatting character of a cause into the log', () => {
    const { observer, log } = observe();
    observer.refused(new Refusal('internal', 'x', 'y'), launch(), null);
    observer.refused(new Refusal('no-identity', 'a\nb\u009b31m\u202ec', 'y'), launch(), null);
    observer.finished({ ...result, started: false, failure: 'x\u2028y\x1b[0m' }, launch(), caller);
    observer.refused(new Refusal('secret-mismatch', 'x', 'y'), launch('vm\n1'), null);
    expect(log[1]?.fields).to.include({ cause: 'a b 31m c' });
    expect(log[2]?.fields).to.include({ cause: 'x y [0m', reason: 'launch-failed' });
    expect(log[3]?.fields).to.include({ domain: 'vm 1' });
  });

  it('writes the detail of a refusal, which its line has not, into the log', () => {
    const { observer, log } = observe();
    const refusal = new Refusal('secret-mismatch', 'No', 'do', { detail: 'the token\nis used' });
    expect(`${refusal.line} ${refusal.message}`).to.not.include('token');
    observer.refused(refusal, launch(), null);
    expect(log[0]?.fields).to.include({ detail: 'the token is used', cause: 'No' });
    observer.refused(new Refusal('secret-mismatch', 'No', 'do'), launch(), null);
    expect(log[1]?.fields).to.not.have.property('detail');
  });

  it('counts what the shim refused as launch-failed, and what runs as started', () => {
    const { observer, metrics } = observe();
    observer.finished(result, launch(), caller);
    observer.finished({ ...result, started: false, failure: 'no' }, launch(), caller);
    expect(metrics).to.deep.equal(['started', 'refused launch-failed']);
  });

  it('notes every check that was passed, in order, and the one that was not', () => {
    const { observer, audit } = observe();
    const asked = launch('vm');
    asked.trail.vm = { uuid: 'u', name: 'n' };
    asked.trail.enter('target');
    observer.refused(new Refusal('secret-mismatch', 'No', 'do', { detail: 'why' }), asked, caller);
    expect(audit).to.deep.equal([
      {
        event: 'launch',
        decision: 'refused',
        launchId: asked.trail.launchId,
        code: 'secret-mismatch',
        cause: 'No',
        detail: 'why',
        checks: [
          ...['caller', 'limits', 'request', 'identity', 'target'].map((check) => ({ check, verdict: 'ok' })),
          { check: 'secret', verdict: 'refused' },
        ],
        caller: { uid: 64055, gid: 108, pid: 7, startTime: 8, device: '1', inode: '2' },
        vm: { uuid: 'u', name: 'n' },
        domain: 'vm',
        pod: null,
        mode: null,
        qemuPid: null,
        seconds: 1,
        steps: { receive: audit[0]?.steps?.receive },
        suppressed: 0,
      },
    ]);
    expect(audit[0]?.steps?.receive).to.be.a('number');
  });

  it('notes that a launch is allowed before it is started, and what came of it', () => {
    const { observer, audit } = observe();
    const asked = launch();
    asked.trail.enter('plan');
    observer.allowed(asked, caller);
    asked.trail.isAllowed = true;
    asked.trail.enter('started');
    observer.finished(result, asked, caller);
    observer.refused(new Error('boom'), asked, caller);
    expect(audit.map(({ event, decision, code }) => [event, decision, code])).to.deep.equal([
      ['launch', 'allowed', null],
      ['outcome', 'allowed', null],
      ['outcome', 'refused', 'internal'],
    ]);
    // Kubernetes is off.
    const checks = auditChecks.filter((check) => check !== 'kubernetes');
    expect(audit[1]?.checks.map(({ check }) => check)).to.deep.equal(checks);
    expect(audit[2]?.checks.at(-1)).to.deep.equal({ check: 'started', verdict: 'failed' });
  });

  it('notes what Kubernetes said, and what it could not be asked', () => {
    const { observer, audit } = observe();
    const [good, unseen, bad, token] = [launch(), launch(), launch(), launch()];
    good.trail.kubernetes = 'ok';
    unseen.trail.kubernetes = 'unavailable';
    for (const { trail } of [good, unseen]) trail.enter('plan');
    observer.allowed(good, caller);
    observer.allowed(unseen, caller);
    bad.trail.enter('kubernetes');
    observer.refused(new Refusal('kubernetes-pod-label', 'No', 'do'), bad, caller);
    token.trail.enter('target');
    observer.refused(new Refusal('kubernetes-unavailable', 'No', 'do'), token, caller);
    const verdicts = audit.map(({ checks }) =>
      checks.filter(({ check }) => check === 'kubernetes' || check === 'secret'),
    );
    expect(verdicts.map((each) => each.map(({ check, verdict }) => `${check} ${verdict}`))).to.deep.equal([
      ['secret ok', 'kubernetes ok'],
      ['secret ok', 'kubernetes unavailable'],
      ['secret ok', 'kubernetes refused'],
      ['secret refused'],
    ]);
  });

  it('tells the owners of pods, of those that are known', () => {
    const told: unknown[] = [];
    const { logger, metrics } = silent;
    const observer = new LaunchObserver({
      logger,
      metrics,
      audit: () => undefined,
      pods: {
        started: (pod, vm) => told.push(['started', pod, vm.uuid]),
        refused: (pod, { code, line }) => told.push([code, pod, line]),
      },
    });
    const known = launch();
    known.trail.pod = { podUid: 'p', containerId: 'c' };
    observer.finished(result, known, caller);
    observer.finished({ ...result, started: false, failure: 'no\u001bway' }, known, caller);
    observer.refused(new Refusal('already-running', 'No', 'do'), known, caller);
    observer.refused(
      new Refusal('secret-mismatch', 'No', 'do', { detail: 'hidden' }).about('q'),
      launch(),
      caller,
    );
    observer.refused(new Refusal('target-not-found', 'No', 'do'), launch(), caller);
    observer.refused(new Error('boom'), known, caller);
    expect(told).to.deep.equal([
      ['started', 'pod', 'vm'],
      ['launch-failed', 'pod', 'no way'],
      ['already-running', 'p', 'No; do'],
      ['secret-mismatch', 'q', 'No; do'],
      ['target-not-found', null, 'No; do'],
    ]);
  });

  it('allows nothing that must be noted and cannot be', () => {
    const observer = new LaunchObserver({
      ...silent,
      pods: null,
      audit: () => {
        throw new Error('disk full');
      },
    });
    expect(codeOf(() => observer.allowed(launch(), caller))).to.equal('audit-failed');
    observer.refused(new Refusal('busy', 'x', 'y'), launch(), null);
  });

  for (const code of refusalCodes)
    it(`leaves lines out in a flood of strangers that are refused as ${code}, and says how many`, () => {
      const { observer, audit, log } = observe();
      const refuse = (who: string): void =>
        observer.refused(new Refusal(code, 'x', 'y'), launch('vm', who), caller);
      for (let i = 0; i < 1000; i++) refuse('hostile');
      expect(audit.length).to.be.within(200, 400).and.to.equal(log.length);
      refuse('honest');
      expect(audit.at(-1)).to.include({ code, suppressed: 0 });
      expect(log.length).to.equal(audit.length);
    });

  it('leaves out nothing about who has shown the secret of a pod', () => {
    const { observer, audit, log } = observe();
    const asked = launch();
    asked.trail.pod = { podUid: 'p', containerId: 'c' };
    for (let i = 0; i < 1000; i++) observer.refused(new Refusal('already-running', 'x', 'y'), asked, caller);
    expect([audit.length, log.length]).to.deep.equal([1000, 1000]);
  });

  it('cuts what a refusal says and tells', () => {
    const { observer, audit, log } = observe();
    const long = 'x'.repeat(1 << 20);
    observer.refused(new Refusal('no-identity', long, long, { detail: long }), launch(long), caller);
    expect(JSON.stringify(log).length).to.be.below(4096);
    expect(JSON.stringify(audit).length).to.be.below(4096);
  });
});
