import { expect } from 'chai';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { createLibc } from '../../daemon/host/libc.ts';
import { fdOf } from '../../daemon/host/socket-fd.ts';
import { draftRequest, encodeRequest } from '../fuzz/encode-request.ts';
import { fuzzLaunchSocket, type LiveFuzzCounts } from '../fuzz/live-fuzz.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { isRunning, listDescendants } from '../support/processes.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';

const RUNS = 100_000;
/** What one message can carry. */
const MOST_FDS = 253;
/** Less than the daemon takes at once, so that an honest stub finds a place. */
const CONCURRENCY = 200;

/** The daemon ends every conversation after 2 s; a busy machine may take longer over 200 at once. */
const ENDLESS_MS = 30_000;

describe('launch.sock under malformed, oversized, truncated, early and slow requests', function () {
  this.timeout(1_200_000);
  this.retries(0); // what goes wrong at one moment of many is what is looked for
  let scratch: Scratch;
  let sandbox: Sandbox;
  let driver: NodeDriver;

  before(async () => {
    scratch = Scratch.open('test');
    sandbox = await startSandbox(scratch, {
      vmUuid: 'honest',
      vmName: 'honest',
      mounts: [fakeEmulatorMount],
    });
    // The fuzzer connects as root: it is to get further than to the question who calls.
    driver = await startNodeDriver(scratch, {
      settings: {
        emulator: fakeEmulator,
        'launch-users': `${findQemuAccount().uid}, 0`,
        // It is one process and does nothing else.
        'launch-rate': 'off',
        'launch-connections': String(CONCURRENCY),
        'log-level': 'error',
      },
    });
  });
  after(() => scratch.close());

  const countFds = (): number => readdirSync(`/proc/${driver.process.pid}/fd`).length;
  const launchHonestly = async (): Promise<string> => {
    const launch = launchFake(driver, sandbox, { args: ['exit=7'] });
    const { status } = await launch.ended;
    return `${status ?? 'signal'} ${launch.stderr}`;
  };

  it(`${RUNS} of them: the daemon lives, leaks no fd, and starts honest VMs meanwhile`, async () => {
    await fuzzLaunchSocket({
      socketPath: driver.launchSocket,
      runs: 1000,
      seed: 7,
      concurrency: CONCURRENCY,
    });
    const daemon = driver.process;
    const helpers = listDescendants(daemon).length;
    const fds = countFds();

    let done: LiveFuzzCounts | undefined;
    const fuzz = fuzzLaunchSocket({
      socketPath: driver.launchSocket,
      runs: RUNS,
      seed: 8,
      concurrency: CONCURRENCY,
      deadline: ENDLESS_MS,
    }).then((counts) => (done = counts));
    const honest: string[] = [];
    do honest.push(await launchHonestly());
    while (done === undefined);
    const counts = await fuzz;

    expect(counts.endless, 'conversations without end').to.equal(0);
    expect(counts.unreachable + counts.answered + counts.garbled).to.equal(0);
    expect(counts.refused + counts.closed).to.equal(RUNS);
    expect(new Set(honest)).to.deep.equal(new Set(['7 ']));
    expect(isRunning(daemon)).to.equal(true);
    await waitUntil('all fds are closed again', () => (countFds() <= fds ? true : undefined), 10_000);
    // A reader or a shim of the last launch may still be ending.
    const areGone = (): true | undefined => (listDescendants(daemon).length === helpers ? true : undefined);
    await waitUntil('only its helpers are left', areGone, 10_000);
    const state = (): readonly string[] => readdirSync(`${driver.runDirectory}/state`);
    // The daemon removes it once it has heard of the shim's end.
    await waitUntil('no record is left', () => (state().length === 0 ? true : undefined), 10_000);
  });

  it('keeps none of the fds that come with requests, finished or not', async () => {
    const libc = createLibc();
    const fds = countFds();
    const file = openSync('/dev/null', 'r');
    const many = Array<number>(MOST_FDS).fill(file);
    const request = encodeRequest(draftRequest(['qemu', '-name', 'guest=x'], ['KUBEVIRT_IO_VM_UUID=nobody']));
    try {
      for (let i = 0; i < 200; i++) {
        const socket = connect({ path: driver.launchSocket, allowHalfOpen: true });
        socket.on('error', () => undefined).resume();
        await new Promise((resolve) => socket.once('connect', resolve));
        const parts =
          i % 2 === 0 ? [request] : Array.from({ length: 20 }, (_, at) => request.subarray(at, at + 1));
        for (const part of parts) libc.sendWithFds(fdOf(socket), part, many);
        if (i % 3 === 0) socket.destroy();
        else await new Promise((resolve) => socket.end().once('close', resolve));
      }
    } finally {
      closeSync(file);
    }
    await waitUntil('all fds are closed again', () => (countFds() <= fds ? true : undefined), 10_000);
    expect(await launchHonestly()).to.equal('7 ');
  });
});
