import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { encodeRequest } from '../fuzz/encode-request.ts';
import { costlyRequests, draftCostly } from '../support/costly-requests.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { isRunning, readProcessorTime } from '../support/processes.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';

/** Processor time of the daemon: where all that it is sent is taken apart, the worst of these take ten times as much. */
const MOST_MS = 300;
/** Of one line about a refusal, or about a start. */
const MOST_LOG_BYTES = 8192;

describe('one request that is made to be costly', function () {
  this.timeout(120_000);
  let scratch: Scratch;
  let sandbox: Sandbox;
  let driver: NodeDriver;

  before(async () => {
    scratch = Scratch.open('test');
    const vm = { vmUuid: 'costly', vmName: 'costly' };
    sandbox = await startSandbox(scratch, { ...vm, mounts: [fakeEmulatorMount] });
    driver = await startNodeDriver(scratch, {
      settings: {
        emulator: fakeEmulator,
        // The test connects as root, and again and again.
        'launch-users': `${findQemuAccount().uid}, 0`,
        'launch-rate': 'off',
      },
    });
    // What is compiled when it is used first is none of the cost of a request.
    for (let i = 0; i < 3; i++) await launchHonestly();
  });
  after(() => scratch.close());

  const launchHonestly = async (): Promise<void> => {
    const launch = launchFake(driver, sandbox, { args: ['exit=7'] });
    const { status } = await launch.ended;
    expect(`${status ?? 'signal'} ${launch.stderr}`).to.equal('7 ');
  };
  /** Gives the answer: a refusal, or that the shim asks for the fds, which it gets none of. */
  const ask = (request: Buffer): Promise<Buffer> =>
    new Promise((resolve) => {
      const socket = connect(driver.launchSocket);
      let answer = Buffer.alloc(0);
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        answer = Buffer.concat([answer, chunk]);
        if (answer.length >= 12) socket.end();
      });
      socket.once('close', () => resolve(answer));
      socket.write(request);
    });
  const expectCheap = async (request: Buffer): Promise<void> => {
    const before = readProcessorTime(driver.process.pid);
    const log = readFileSync(driver.logPath).length;
    const answer = await ask(request);
    const spent = readProcessorTime(driver.process.pid) - before;
    expect(isRunning(driver.process), 'the daemon lives').to.equal(true);
    expect(answer.length, 'there is an answer').to.be.at.least(12);
    expect(spent, 'ms of processor time').to.be.at.most(MOST_MS);
    expect(readFileSync(driver.logPath).length - log, 'bytes of log').to.be.below(MOST_LOG_BYTES);
  };

  for (const costly of costlyRequests)
    for (const [who, secret] of [
      ['without the secret', 'wrong'],
      ['with the secret', null],
    ] as const)
      it(`costs the daemon little, ${who}: ${costly.what}`, async () => {
        const shown = secret ?? sandbox.secret ?? '';
        const identity = ['KUBEVIRT_IO_VM_UUID=costly', `KUBEVIRT_IO_SECRET=${shown}`];
        await expectCheap(encodeRequest(draftCostly(costly, identity)));
      });

  it('leaves honest launches as they were', launchHonestly);
});
