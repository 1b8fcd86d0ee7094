import { status } from '@grpc/grpc-js';
import { expect } from 'chai';

import { ApiError } from '../../../daemon/api/api-client.ts';
import type { AuditRecord } from '../../../daemon/observe/audit-record.ts';
import { exampleMachine } from '../../support/api-fixtures.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { ApiHarness, exampleBackend, registryOf, rejectionOf } from './api-harness.ts';

describe('SignalMachine', () => {
  let harness: ApiHarness;
  let sent: string[];
  beforeEach(async () => {
    harness = new ApiHarness();
    sent = [];
    const machines = registryOf(
      exampleMachine,
      { ...exampleMachine, launchId: 'starting', state: 'starting' },
      { ...exampleMachine, launchId: 'exited', state: 'exited' },
      { ...exampleMachine, launchId: 'lost', state: 'lost' },
      { ...exampleMachine, launchId: 'unreachable' },
    );
    const signalMachine = (launchId: string, signal: number): boolean => {
      sent.push(`${launchId} ${signal}`);
      return launchId !== 'unreachable';
    };
    await harness.start({ backend: exampleBackend({ machines, signalMachine }) });
  });
  afterEach(() => harness.stop());

  it('passes HUP, INT, QUIT, KILL and TERM on, and logs who asked', async () => {
    for (const number of [1, 2, 3, 9, 15]) await harness.client().signalMachine('launch-1', number);
    expect(sent).to.deep.equal([1, 2, 3, 9, 15].map((number) => `launch-1 ${number}`));
    const line = harness.lines.find(({ message }) => message === 'A VM was signalled');
    expect(line?.fields).to.deep.equal({
      launchId: 'launch-1',
      signal: 1,
      peerPid: process.pid,
      peerUid: process.getuid?.(),
    });
    const { vm, podUid, containerId, mode, qemu } = exampleMachine;
    expect(harness.audited).to.have.lengthOf(5);
    expect(harness.audited[0]).to.deep.include({
      event: 'signal',
      decision: 'allowed',
      launchId: 'launch-1',
      signal: 1,
      vm: { uuid: vm.uuid, name: vm.name ?? null },
      pod: { uid: podUid, container: containerId },
      mode,
      qemuPid: qemu?.pid ?? null,
    });
    expect(harness.audited[0]?.caller).to.include({ uid: process.getuid?.(), pid: process.pid });
  });

  const refused = [
    ['nope', 15, 'NOT_FOUND', 'Cannot find a machine with launch id "nope"'],
    ['exited', 15, 'FAILED_PRECONDITION', 'its QEMU has ended'],
    ['lost', 9, 'FAILED_PRECONDITION', 'its QEMU has ended'],
    ['starting', 15, 'FAILED_PRECONDITION', 'does not run yet'],
    ['launch-1', 0, 'INVALID_ARGUMENT', 'Cannot send signal 0'],
    ['launch-1', 10, 'INVALID_ARGUMENT', 'use one of HUP (1), INT (2), QUIT (3), KILL (9), TERM (15)'],
    ['launch-1', 19, 'INVALID_ARGUMENT', 'Cannot send signal 19'],
    ['launch-1', 4_294_967_295, 'INVALID_ARGUMENT', 'Cannot send signal 4294967295'],
  ] as const;
  for (const [launchId, signal, code, text] of refused)
    it(`refuses ${signal} for "${launchId}" with ${code}`, async () => {
      const error = await rejectionOf(harness.client().signalMachine(launchId, signal));
      if (!(error instanceof ApiError)) throw error;
      expect(status[error.status]).to.equal(code);
      expect(error.message).to.include(text);
      expect(sent).to.deep.equal([]);
      expect(harness.audited).to.have.lengthOf(1);
      expect(harness.audited[0]).to.include({ event: 'signal', decision: 'refused', launchId, signal });
      expect(harness.audited[0]?.cause).to.include(text);
    });

  it('writes few lines of a flood of refused ones, tells how many were left out, and one of each that was sent', async () => {
    const client = harness.client();
    let asked = 0;
    const flood = async (count: number): Promise<void> => {
      for (const end = asked + count; asked < end;)
        await rejectionOf(client.signalMachine(`made up ${++asked}`, 15));
    };
    const refusals = (): readonly AuditRecord[] =>
      harness.audited.filter(({ decision }) => decision === 'refused');
    await flood(400);
    // Of one uid and kind: 200 at once and 10 a second.
    expect(refusals().length).to.be.within(200, 350);
    const before = refusals().length;
    await rejectionOf(client.signalMachine('exited', 15));
    expect(refusals()).to.have.lengthOf(before + 1);
    await waitUntil(
      'another line is written',
      async () => {
        await flood(1);
        return refusals().at(-1)?.launchId === `made up ${asked}` ? true : undefined;
      },
      4000,
    );
    const ofFlood = refusals().filter(({ launchId }) => launchId?.startsWith('made up') === true);
    expect(ofFlood.reduce((sum, { suppressed }) => sum + 1 + suppressed, 0)).to.equal(asked);
    for (let i = 0; i < 300; i++) await client.signalMachine('launch-1', 15);
    const sentLines = harness.audited.filter(({ decision }) => decision === 'allowed');
    expect(sentLines).to.have.lengthOf(300);
    expect(sentLines.every(({ suppressed }) => suppressed === 0)).to.equal(true);
  }).timeout(20_000);

  it('says so when the supervisor cannot be reached', async () => {
    const error = await rejectionOf(harness.client().signalMachine('unreachable', 15));
    if (!(error instanceof ApiError)) throw error;
    expect(status[error.status]).to.equal('FAILED_PRECONDITION');
    expect(error.message).to.include('its supervisor cannot be reached now; try again');
    expect(harness.lines.map(({ message }) => message)).to.not.include('A VM was signalled');
  });
});
