import { expect } from 'chai';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { draftRequest, encodeRequest } from '../../fuzz/encode-request.ts';
import {
  fakeEmulator,
  fakeEmulatorMount,
  launchFake,
  type FakeLaunchOptions,
} from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import {
  identify,
  isRunning,
  readStatusFields,
  signalProcess,
  type ProcessIdentity,
} from '../../support/processes.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

const account = findQemuAccount();
/** Nobody that anything on the machine runs as. */
const STRANGER = 65_533;
const LAST_PID = '/proc/sys/kernel/ns_last_pid';
const connector = join(import.meta.dirname, '../../fixtures/build/inherited-connection');
const stubMode = { setuid: 0o4750, group: 0o755 } as const;

interface Connector {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  /** What was answered to whoever holds the connection, once all have let go of it. */
  readonly answer: Promise<string>;
  readonly hasEnded: Promise<unknown>;
}

describe('launch.sock knows its callers', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let sandbox: Sandbox;
  let driver: NodeDriver;

  before(async () => {
    scratch = Scratch.open('test');
    sandbox = await startSandbox(scratch, {
      vmUuid: 'called',
      vmName: 'called',
      mounts: [fakeEmulatorMount],
    });
    // root may launch: what a setuid stub is by its effective id must not be taken for that.
    driver = await startNodeDriver(scratch, {
      settings: { emulator: fakeEmulator, 'launch-users': `${account.uid}, 0` },
    });
  });
  after(() => scratch.close());
  afterEach(() => chmodSync(driver.emulator, stubMode.setuid));

  const launch = async (way: keyof typeof stubMode, options: FakeLaunchOptions = {}): Promise<string> => {
    chmodSync(driver.emulator, stubMode[way]);
    const started = launchFake(driver, sandbox, { args: ['exit=7'], ...options });
    const { status } = await started.ended;
    return `${status ?? 'signal'} ${started.stderr}`;
  };

  it('has a socket for root and the group of libvirt alone, in a directory of the same', () => {
    const socket = statSync(driver.launchSocket);
    const directory = statSync(dirname(driver.launchSocket));
    expect([socket.mode & 0o7777, socket.uid, socket.gid]).to.deep.equal([0o660, 0, account.gid]);
    expect([directory.mode & 0o7777, directory.uid, directory.gid]).to.deep.equal([0o750, 0, account.gid]);
    expect(statSync(dirname(dirname(driver.launchSocket))).mode & 0o7777).to.equal(0o755);
    expect(statSync(join(driver.runDirectory, 'api')).mode & 0o7777).to.equal(0o750);
    expect(statSync(driver.apiSocket).mode & 0o7777).to.equal(0o600);
    expect(statSync(join(driver.runDirectory, 'state')).mode & 0o7777).to.equal(0o700);
  });

  for (const way of ['setuid', 'group'] as const) {
    it(`takes libvirt's qemu user, whose stub comes in by ${way}`, async () => {
      chmodSync(driver.emulator, stubMode[way]);
      const started = launchFake(driver, sandbox, { args: ['wait'] });
      // Before, what is in the pod may still be on its way to be QEMU.
      await started.waitForLine('ready');
      const qemu = sandbox.processes.find((pid) => pid !== sandbox.pid) ?? 0;
      expect(readStatusFields(qemu).get('Uid')).to.equal(Array(4).fill(account.uid).join('\t'));
      started.stub.kill('SIGTERM');
      await started.ended;
    });

    it(`refuses another user with libvirt's group, whose stub comes in by ${way}`, async () => {
      const user = { uid: STRANGER, gid: account.gid };
      expect(await launch(way, { user })).to.match(
        /^125 qemu-kube: Cannot start a VM for uid 65533: it is not allowed to; /,
      );
    });
  }

  it('is out of reach of another user and group, who may not execute the setuid stub either', async () => {
    const user = { uid: STRANGER, gid: STRANGER };
    expect(await launch('group', { user })).to.match(/^125 qemu-kube: Cannot reach the node driver at /);
    const error = await launch('setuid', { user }).catch((reason: unknown) => reason);
    expect(error).to.be.an('error').with.property('code', 'EACCES');
  });

  it('lets go of who asks for nothing, after two seconds', async function () {
    this.timeout(10_000);
    const begin = performance.now();
    const silent = createConnection(driver.launchSocket);
    let text = '';
    silent.setEncoding('latin1').on('data', (data: string) => (text += data));
    await once(silent, 'close');
    expect(text).to.include('Cannot read the request: it did not arrive in time; try again');
    expect(performance.now() - begin).to.be.at.least(1900);
  });

  describe('when the process that connected has ended', () => {
    const request = encodeRequest(
      draftRequest(['qemu', '-name', 'guest=called'], ['KUBEVIRT_IO_VM_UUID=called', 'KUBEVIRT_IO_SECRET=x']),
    );
    const refusal = 'Cannot tell who calls: the caller has ended; call again';
    const gone = async (): Promise<number> => {
      const metrics = await (await fetch(`http://127.0.0.1:${driver.httpPort}/metrics`)).text();
      return Number(/launches_total\{result="refused",reason="caller-gone"\} (\d+)/.exec(metrics)?.[1]);
    };

    const connect = async (...args: readonly string[]): Promise<Connector> => {
      const child = spawn(connector, [driver.launchSocket, ...args], {
        ...account,
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      child.stdin.on('error', () => undefined); // a daemon that has refused it already
      let text = '';
      child.stdout.setEncoding('latin1').on('data', (data: string) => (text += data));
      const answer = new Promise<string>((resolve) => child.stdout.once('close', () => resolve(text)));
      const hasEnded = new Promise((resolve) => child.once('exit', resolve));
      await waitUntil('it is connected', () => (text.startsWith('connected\n') ? true : undefined), 5000);
      return { child, hasEnded, answer: answer.then((all) => all.slice('connected\n'.length + 12)) };
    };
    /** Keeps the daemon from accepting until `action` is done. */
    const whileStopped = async <Result>(action: () => Promise<Result>): Promise<Result> => {
      signalProcess(driver.process, 'SIGSTOP');
      try {
        return await action();
      } finally {
        signalProcess(driver.process, 'SIGCONT');
      }
    };
    const daemonPins = (pid: number): boolean =>
      readdirSync(`/proc/${driver.process.pid}/fdinfo`).some((fd) => {
        try {
          return readFileSync(`/proc/${driver.process.pid}/fdinfo/${fd}`, 'latin1').includes(
            `\nPid:\t${pid}\n`,
          );
        } catch {
          return false; // closed meanwhile
        }
      });

    it('refuses who inherited its connection before the daemon has accepted it', async () => {
      const before = await gone();
      const { answer } = await whileStopped(async () => {
        const started = await connect();
        await started.hasEnded;
        return started;
      });
      expect(await answer).to.equal(refusal);
      expect(await gone()).to.equal(before + 1);
    });

    it('refuses who inherited its connection after that', async () => {
      const { child, answer } = await connect('wait');
      const pid = child.pid ?? 0;
      await waitUntil('the daemon has looked at it', () => (daemonPins(pid) ? true : undefined), 5000);
      child.stdin.end(Buffer.concat([Buffer.from('!'), request]));
      expect(await answer).to.equal(refusal);
    });

    it('does not take a process for it that has its pid since', async () => {
      let other: ProcessIdentity | undefined;
      try {
        const { answer } = await whileStopped(async () => {
          const started = await connect();
          await started.hasEnded;
          other = await reuse(started.child.pid ?? 0);
          return started;
        });
        expect(await answer).to.equal(refusal);
        // It was there all the time, an allowed user's, and the daemon was not misled.
        expect(other !== undefined && isRunning(other)).to.equal(true);
      } finally {
        if (other !== undefined) signalProcess(other, 'SIGKILL');
      }
    });

    /** Starts a process of the qemu user that has this pid. */
    const reuse = async (pid: number): Promise<ProcessIdentity> => {
      for (let i = 0; i < 500; i++) {
        writeFileSync(LAST_PID, String(pid - 1));
        const sleeper = spawn('sleep', ['60'], { ...account, stdio: 'ignore' });
        if (sleeper.pid === pid) return identify(pid);
        await new Promise((resolve) => {
          sleeper.once('exit', resolve);
          sleeper.kill('SIGKILL');
        });
      }
      throw new Error(`Cannot get a process with pid ${pid}`);
    };
  });
});
