import { expect } from 'chai';
import { Refusal, refusalCodes } from '../../../daemon/errors.ts';
import type { LaunchResult } from '../../../daemon/launch/launch-controller.ts';
import { LaunchObserver } from '../../../daemon/launch/launch-observer.ts';
import { ProtocolError } from '../../../daemon/launch/protocol-error.ts';
import { plainMachine } from '../../support/plain-machine.ts';

interface Seen {
  readonly observer: LaunchObserver;
  readonly metrics: readonly string[];
  readonly log: readonly { readonly level: string; readonly fields: object }[];
}

function observe(): Seen {
  const metrics: string[] = [];
  const log: { level: string; fields: object }[] = [];
  const note =
    (level: string) =>
    (_message: string, fields: object = {}): void => {
      log.push({ level, fields });
    };
  const observer = new LaunchObserver(
    { info: note('info'), warn: note('warn'), error: note('error') },
    {
      launchStarted: () => metrics.push('started'),
      launchRefused: (code) => metrics.push(`refused ${code}`),
      launchLimited: (kind) => metrics.push(`limited ${kind}`),
      peerRejected: (socket) => metrics.push(`rejected ${socket}`),
    },
  );
  return { observer, metrics, log };
}

const result: LaunchResult = {
  machine: plainMachine,
  started: true,
  failure: null,
};

describe('LaunchObserver', () => {
  for (const code of refusalCodes)
    it(`counts a refusal as ${code}`, () => {
      const { observer, metrics } = observe();
      observer.refused(new Refusal(code, 'No', 'do'), null, 1);
      const isPeer = code === 'caller-not-allowed' || code === 'busy';
      expect(metrics).to.deep.equal([`refused ${code}`, ...(isPeer ? ['rejected launch'] : [])]);
    });

  it('counts what broke the protocol as such, and anything else as internal, with its stack in the log', () => {
    const { observer, metrics, log } = observe();
    observer.refused(new ProtocolError('argc', 'x'), null, 1);
    observer.refused(new Error('disk full'), null, 1);
    observer.refused('text', null, 1);
    expect(metrics).to.deep.equal(['refused protocol', 'refused internal', 'refused internal']);
    expect(log.map(({ level }) => level)).to.deep.equal(['warn', 'error', 'error']);
    expect(log[1]?.fields).to.include({ error: 'disk full' }).and.to.have.property('stack');
  });

  it('writes no control or formatting character of a cause into the log', () => {
    const { observer, log } = observe();
    observer.refused(new Refusal('internal', 'x', 'y'), null, 1);
    observer.refused(new Refusal('no-identity', 'a\nb\u009b31m\u202ec', 'y'), null, 1);
    observer.finished({ ...result, started: false, failure: 'x\u2028y\x1b[0m' }, 1);
    observer.refused(new Refusal('secret-mismatch', 'x', 'y'), null, 1, 'vm\n1');
    expect(log[1]?.fields).to.include({ cause: 'a b 31m c' });
    expect(log[2]?.fields).to.include({ cause: 'x y [0m', reason: 'launch-failed' });
    expect(log[3]?.fields).to.include({ domain: 'vm 1' });
  });

  it('writes the detail of a refusal, which its line has not, into the log', () => {
    const { observer, log } = observe();
    const refusal = new Refusal('secret-mismatch', 'No', 'do', { detail: 'the token\nis used' });
    expect(`${refusal.line} ${refusal.message}`).to.not.include('token');
    observer.refused(refusal, null, 1);
    expect(log[0]?.fields).to.include({ detail: 'the token is used', cause: 'No' });
    observer.refused(new Refusal('secret-mismatch', 'No', 'do'), null, 1);
    expect(log[1]?.fields).to.not.have.property('detail');
  });

  it('counts what the shim refused as launch-failed, and what runs as started', () => {
    const { observer, metrics } = observe();
    observer.finished(result, 1);
    observer.finished({ ...result, started: false, failure: 'no' }, 1);
    expect(metrics).to.deep.equal(['started', 'refused launch-failed']);
  });
});
