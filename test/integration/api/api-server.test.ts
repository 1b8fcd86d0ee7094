import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import { expect } from 'chai';
import fs from 'node:fs';
import net from 'node:net';

import { loadApi } from '../../../daemon/api/load-api.ts';
import { Refusal, type RefusalCode } from '../../../daemon/errors.ts';
import type { Asker } from '../../../daemon/fair-queue.ts';
import { exampleMachine, exampleTarget } from '../../support/api-fixtures.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { ApiHarness, apiErrorOf, exampleBackend, type LogLine } from './api-harness.ts';

const vm = { uuid: '6f0b2d6e-1111-4222-8333-444455556666', name: 'testvm' };

describe('startApiServer()', () => {
  let harness: ApiHarness;
  beforeEach(() => {
    harness = new ApiHarness();
  });
  afterEach(() => harness.stop());

  it('answers ResolveTarget with every field, 64-bit numbers exact', async () => {
    let asked: unknown;
    const resolve = (identity: unknown): Promise<typeof exampleTarget> => {
      asked = identity;
      return Promise.resolve(exampleTarget);
    };
    await harness.start({ backend: exampleBackend({ resolve }) });
    const target = await harness.client().resolveTarget(vm);
    expect(asked).to.deep.equal(vm);
    expect(target.process).to.deep.equal({ pid: 4242, startTime: '9007199254740991' });
    expect(target.containerInit).to.deep.equal({ pid: 4200, startTime: '123000' });
    expect(target.namespaces.map(({ kind, inode }) => `${kind} ${inode}`)).to.deep.equal([
      'NAMESPACE_KIND_MNT 4026532100',
      'NAMESPACE_KIND_NET 4026532101',
      'NAMESPACE_KIND_TIME 4026531834',
    ]);
    expect(target.cgroups).to.deep.equal(exampleTarget.cgroups);
    expect(target).to.include({ podUid: exampleTarget.podUid, uid: 107, gid: 108 });
    expect(target.groups).to.deep.equal([107, 36]);
  });

  it('answers ValidateSecret with the pod and the end of validity', async () => {
    let given: unknown;
    await harness.start({
      backend: exampleBackend({
        validateSecret: (_vm, secret, asker) => {
          given = secret;
          return exampleBackend().validateSecret(vm, secret, asker);
        },
      }),
    });
    const answer = await harness.client().validateSecret(vm, 'pässword');
    expect(given).to.equal('pässword');
    expect(answer).to.deep.equal({
      podUid: exampleTarget.podUid,
      containerId: exampleTarget.containerId,
      validUntil: { seconds: '1798761599', nanos: 500_000_000 },
    });
    expect(await harness.metrics.render()).to.include('secret_checks_total{result="valid"} 1');
  });

  it('answers ListMachines and GetMachine', async () => {
    await harness.start();
    const client = harness.client();
    const [listed] = await client.listMachines();
    expect(listed).to.deep.include({ launchId: 'launch-1', state: 'MACHINE_STATE_RUNNING', exit: null });
    expect(listed?.qemu).to.deep.equal({ pid: 30, startTime: '31' });
    expect(await client.getMachine(exampleMachine.launchId)).to.deep.equal(listed);
    expect((await apiErrorOf(client.getMachine('nope\u001b'))).message).to.equal(
      'Cannot find a machine with launch id "nope\\x1b"; list the machines for the ids there are',
    );
  });

  it('hands a refusal on with line, status and code', async () => {
    const refusal = new Refusal('target-not-found', 'Cannot find VM "ü"', 'start its pod');
    await harness.start({ backend: exampleBackend({ resolve: () => Promise.reject(refusal) }) });
    const error = await apiErrorOf(harness.client().resolveTarget(vm));
    expect(error).to.include({
      status: status.NOT_FOUND,
      message: 'Cannot find VM "ü"; start its pod',
      refusalCode: 'target-not-found',
    });
  });

  it('tells nothing of an unexpected error, and logs it', async () => {
    const resolve = (): Promise<never> => Promise.reject(new Error('the disk of rack 7 burns'));
    await harness.start({ backend: exampleBackend({ resolve }) });
    const error = await apiErrorOf(harness.client().resolveTarget(vm));
    expect(error.status).to.equal(status.INTERNAL);
    expect(error.message).to.not.include('rack 7');
    expect(harness.lines.find(({ level }) => level === 'error')?.fields['error']).to.include('rack 7');
  });

  for (const [what, errorOf] of [
    ['refusals', (code: RefusalCode) => new Refusal(code, 'Cannot', 'do', { detail: 'pods a and b' })],
    ['failures', () => new Error('no room')],
  ] as const)
    it(`logs few lines of a flood of ${what}, by user and reason, and tells how many were left out`, async () => {
      let uid = 0;
      let code: RefusalCode = 'target-ambiguous';
      await harness.start({
        backend: exampleBackend({ resolve: () => Promise.reject(errorOf(code)) }),
        allowedUids: new Set([0, 1]),
        peerCredentials: () => ({ pid: 7, uid, gid: 0 }),
      });
      const flooding = harness.client();
      const ask = async (client = flooding): Promise<LogLine | undefined> => {
        const before = harness.lines.length;
        await apiErrorOf(client.resolveTarget(vm));
        return harness.lines[before];
      };
      let asked = 0;
      for (; asked < 400; asked++) await ask();
      // Of one uid and reason: 200 at once and 10 a second.
      expect(harness.lines.length).to.be.within(200, 350);
      await waitUntil(
        'another line is written',
        async () => {
          asked++;
          return (await ask()) !== undefined ? true : undefined;
        },
        4000,
      );
      expect(harness.lines.at(-1)?.fields).to.include({ peerUid: 0, peerPid: 7 });
      const suppressed = harness.lines.map(({ fields }) => Number(fields['suppressed'] ?? 0));
      expect(suppressed.reduce((sum, each) => sum + each, harness.lines.length)).to.equal(asked);

      for (let i = 0; i < 20; i++) await ask();
      code = 'target-unusable';
      if (what === 'refusals')
        expect((await ask())?.fields).to.include({ reason: code, detail: 'pods a and b' });
      uid = 1;
      expect((await ask(harness.client()))?.fields).to.include({ peerUid: 1 });
    }).timeout(20_000);

  const wrong = [
    [{ uuid: '' }, 'no-identity'],
    [{ uuid: '../../etc' }, 'invalid-identity'],
    [{ uuid: 'a'.repeat(65) }, 'invalid-identity'],
    [{ uuid: 'a', name: '..' }, 'invalid-identity'],
  ] as const;
  for (const [identity, code] of wrong)
    it(`refuses ${JSON.stringify(identity).slice(0, 40)} before the backend sees it`, async () => {
      const resolve = (): Promise<never> => Promise.reject(new Error('asked'));
      await harness.start({ backend: exampleBackend({ resolve, validateSecret: resolve }) });
      const client = harness.client();
      for (const call of [client.resolveTarget(identity), client.validateSecret(identity, 's')])
        expect(await apiErrorOf(call)).to.include({ status: status.INVALID_ARGUMENT, refusalCode: code });
    });

  it('refuses a message of more than 64 KiB, and goes on', async () => {
    await harness.start();
    const client = harness.client();
    const tooLarge = await apiErrorOf(client.validateSecret(vm, 'x'.repeat(65 * 1024)));
    expect(tooLarge.status).to.equal(status.RESOURCE_EXHAUSTED);
    expect(tooLarge.message).to.include('larger than max');
    const tooLong = await apiErrorOf(client.validateSecret(vm, 'x'.repeat(17 * 1024)));
    expect(tooLong.status).to.equal(status.INVALID_ARGUMENT);
    expect(await client.listMachines()).to.have.length(1);
  });

  for (const how of ['cancels a call', 'sets a deadline'])
    it(`lets go of what it does for a user who ${how}, and counts it against that user`, async () => {
      const askers: Asker[] = [];
      const wait = (asker: Asker = {}): Promise<never> => {
        askers.push(asker);
        return new Promise((_, reject) => {
          asker.gone?.addEventListener('abort', () => {
            const reason: unknown = asker.gone?.reason;
            reject(reason instanceof Error ? reason : new Error('without a reason'));
          });
        });
      };
      const backend = exampleBackend({
        resolve: (_vm, asker) => wait(asker),
        validateSecret: (_vm, _secret, asker) => wait(asker),
        explain: (_question, asker) => wait(asker),
      });
      await harness.start({ backend });
      const client = new (loadApi())(`unix:${harness.socketPath}`, credentials.createInsecure());
      const outcomes: (status | undefined)[] = [];
      const done = (error: ServiceError | null): void => void outcomes.push(error?.code);
      const options = how === 'sets a deadline' ? { deadline: Date.now() + 1000 } : {};
      const calls = [
        client.resolveTarget({ vm }, options, done),
        client.validateSecret({ vm, secret: 'one' }, options, done),
        client.explainLaunch({ vm }, options, done),
      ];
      try {
        await waitUntil('all are asked', () => (askers.length === 3 ? true : undefined), 4000);
        expect(askers.map(({ gone }) => gone?.aborted)).to.deep.equal([false, false, false]);
        const uid = process.getuid?.() ?? 0;
        expect(askers.map(({ origin }) => origin)).to.have.members([
          `api ${uid}`,
          `api ${uid}`,
          `explain ${uid}`,
        ]);
        if (how === 'cancels a call') for (const call of calls) call.cancel();
        await waitUntil(
          'nobody is asked any more',
          () => (askers.every(({ gone }) => gone?.aborted) ? true : undefined),
          4000,
        );
        for (const { gone } of askers) expect(gone?.reason).to.include({ code: 'caller-gone' });
        await waitUntil('it is told', () => (outcomes.length === 3 ? true : undefined), 4000);
        expect(harness.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
        expect(harness.audited.map(({ code }) => code)).to.deep.equal(['caller-gone']);
      } finally {
        client.close();
      }
    });

  it('limits the secret checks of a uid, valid or not, and nothing else', async () => {
    const refusal = new Refusal('secret-mismatch', 'Cannot accept the secret', 'use the one of the pod');
    await harness.start({
      backend: exampleBackend({ validateSecret: () => Promise.reject(refusal) }),
      secretChecks: { perSecond: 0, burst: 3 },
    });
    const codes: (string | undefined)[] = [];
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const error = await apiErrorOf(harness.client().validateSecret(vm, `guess ${attempt}`));
      codes.push(error.refusalCode ?? status[error.status]);
    }
    expect(codes).to.deep.equal([
      ...['secret-mismatch', 'secret-mismatch', 'secret-mismatch'],
      ...['RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED'],
    ]);
    expect(await harness.client().listMachines()).to.have.length(1);
    const metrics = await harness.metrics.render();
    expect(metrics).to.include('secret_checks_total{result="refused"} 3');
    expect(metrics).to.include('secret_checks_total{result="limited"} 2');
  });

  describe('with all connections taken', () => {
    const sockets: net.Socket[] = [];
    afterEach(() => {
      for (const socket of sockets.splice(0)) socket.destroy();
    });
    /** Connects and sends nothing; comes back once the server has taken it. */
    const hold = async (): Promise<net.Socket> => {
      const socket = net.connect(harness.socketPath);
      sockets.push(socket);
      await new Promise((resolve) => socket.once('data', resolve));
      return socket;
    };
    const reasons = (): readonly unknown[] => harness.lines.map(({ fields }) => fields['reason']);

    it('answers beside those who make no call', async () => {
      await harness.start();
      for (let i = 0; i < 70; i++) await hold();
      for (let i = 0; i < 3; i++) expect(await harness.client().listMachines()).to.have.length(1);
      expect(new Set(reasons())).to.deep.equal(new Set(['gave-way']));
    });

    it('ends the one that waits, and none whose call runs', async () => {
      let answer: () => void = () => undefined;
      const answered = new Promise<void>((resolve) => (answer = resolve));
      let isAsked = false;
      const resolve = async (): Promise<typeof exampleTarget> => {
        isAsked = true;
        await answered;
        return exampleTarget;
      };
      await harness.start({ maxConnections: 2, backend: exampleBackend({ resolve }) });
      const first = harness.client();
      const running = first.resolveTarget(vm);
      await waitUntil('it is asked', () => (isAsked ? true : undefined), 4000);
      for (let i = 0; i < 3; i++) expect(await harness.client().listMachines()).to.have.length(1);
      answer();
      expect((await running).podUid).to.equal(exampleTarget.podUid);
      expect(await first.listMachines()).to.have.length(1);
    });

    it('closes new ones where each has a call, and admits them when one has ended', async () => {
      let answer: () => void = () => undefined;
      const resolve = (): Promise<typeof exampleTarget> =>
        new Promise((done) => (answer = () => done(exampleTarget)));
      await harness.start({ maxConnections: 1, backend: exampleBackend({ resolve }) });
      const [unasked, running] = [answer, harness.client().resolveTarget(vm)];
      await waitUntil('it is asked', () => (answer === unasked ? undefined : true), 4000);
      const refused = await apiErrorOf(harness.client().listMachines());
      expect(refused.status).to.equal(status.UNAVAILABLE);
      expect(reasons()).to.include('too-many');
      answer();
      await running;
      const machines = await waitUntil(
        'the place is free again',
        () =>
          harness
            .client()
            .listMachines()
            .catch(() => undefined),
        4000,
      );
      expect(machines).to.have.length(1);
    });

    it('writes few lines of a flood, and tells how many were left out', async () => {
      await harness.start({ maxConnections: 1 });
      for (let i = 0; i < 400; i++) await hold();
      // Of one reason: 200 at once and 10 a second.
      await waitUntil(
        'another line is written',
        async () => {
          await hold();
          return harness.lines.some(({ fields }) => Number(fields['suppressed']) > 0) ? true : undefined;
        },
        4000,
      );
      const suppressed = harness.lines.map(({ fields }) => Number(fields['suppressed'] ?? 0));
      const rejected = /peers_rejected_total\{socket="api"\} (\d+)/u.exec(
        await harness.metrics.render(),
      )?.[1];
      expect(harness.lines.length).to.be.lessThan(400);
      expect(Number(rejected)).to.be.at.least(400);
      const told = suppressed.reduce((sum, each) => sum + each, harness.lines.length);
      expect(told).to.be.within(harness.lines.length + 1, Number(rejected));
    });
  });

  it('ends a connection that makes no call', async function () {
    this.timeout(20_000);
    await harness.start();
    const silent = net.connect(harness.socketPath).resume();
    await new Promise((resolve) => silent.once('close', resolve));
    expect(harness.lines.map(({ fields }) => fields['reason'])).to.deep.equal(['silent']);
  });

  it('gives its socket the asked mode, and removes it when it stops', async () => {
    const server = await harness.start({ socketMode: 0o620 });
    expect(fs.statSync(harness.socketPath).mode & 0o777).to.equal(0o620);
    await server.close(1_000);
    expect(fs.existsSync(harness.socketPath)).to.equal(false);
    expect(fs.readdirSync(harness.directory)).to.deep.equal([]);
  });
});

describe('ApiServer.close()', () => {
  let harness: ApiHarness;
  let asked: Promise<void>;
  let release: () => void;
  beforeEach(async () => {
    harness = new ApiHarness();
    let onAsked: () => void = () => undefined;
    asked = new Promise((resolve) => {
      onAsked = resolve;
    });
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const resolve = async (): Promise<typeof exampleTarget> => {
      onAsked();
      await released;
      return exampleTarget;
    };
    const server = await harness.start({ backend: exampleBackend({ resolve }) });
    close = (graceMs) => server.close(graceMs);
  });
  let close: (graceMs: number) => Promise<void>;
  afterEach(() => harness.stop());

  it('lets a running call end and takes no new connection meanwhile', async () => {
    const call = harness.client().resolveTarget(vm);
    await asked;
    const closed = close(60_000);
    const late = await apiErrorOf(harness.client().listMachines());
    expect(late.message).to.include('there is no such socket');
    release();
    expect((await call).podUid).to.equal(exampleTarget.podUid);
    await closed;
  });

  it('cuts a call that outlasts the grace', async () => {
    const call = apiErrorOf(harness.client(30_000).resolveTarget(vm));
    await asked;
    await close(50);
    expect((await call).status).to.be.oneOf([status.UNAVAILABLE, status.CANCELLED, status.INTERNAL]);
    release();
  });
});
