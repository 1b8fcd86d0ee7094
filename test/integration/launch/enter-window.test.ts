import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { encodeFrame } from '../../../daemon/launch/encode-frame.ts';
import { frameTypes } from '../../../daemon/launch/frame.ts';
import { draftRequest, encodeRequest } from '../../fuzz/encode-request.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

/**
 * Takes its real ids (none: stays who it is), connects, sends its request, says what kind of frame comes back, may answer,
 * and stays as it is: a stub that hangs before it has entered.
 */
const script =
  'use Socket; $SIG{PIPE} = "IGNORE"; my ($path, $request, $gid, $uid, $answer) = @ARGV;' +
  'socket(S, PF_UNIX, SOCK_STREAM, 0);' +
  'if ($uid ne "") { $( = $gid; $< = $uid }' +
  'connect(S, sockaddr_un($path)) or die;' +
  'syswrite(S, pack("H*", $request)); sysread(S, $frame, 2048); syswrite(S, pack("H*", $answer));' +
  'syswrite(STDOUT, unpack("x6v", $frame) . " " . substr($frame, 12)); sleep 60';

describe('a launch of exec mode between ENTER and QEMU', function () {
  this.timeout(60_000);
  this.retries(0); // what goes wrong at one moment of many is what is looked for
  let scratch: Scratch;
  let sandbox: Sandbox;
  let driver: NodeDriver;

  beforeEach(async () => {
    scratch = Scratch.open('test');
    sandbox = await startSandbox(scratch, {
      vmUuid: 'window',
      vmName: 'window',
      mounts: [fakeEmulatorMount],
    });
    driver = await startNodeDriver(scratch, { mode: 'exec', settings: { emulator: fakeEmulator } });
  });
  afterEach(() => scratch.close());

  const account = findQemuAccount();
  /** @param options `isRoot`: a setuid stub of the qemu user; its own program otherwise */
  const call = async ({ isRoot = true, answer = '' } = {}): Promise<ChildProcess & { said: string }> => {
    const argv = ['/stub', '-name', `guest=${sandbox.vmName}`];
    const env = [`KUBEVIRT_IO_VM_UUID=${sandbox.vmUuid}`, `KUBEVIRT_IO_SECRET=${sandbox.secret ?? ''}`];
    const request = encodeRequest({ ...draftRequest(argv, env), mode: 1 });
    const ids = isRoot ? [String(account.gid), String(account.uid)] : ['', ''];
    const stub = spawn('perl', ['-e', script, driver.launchSocket, request.toString('hex'), ...ids, answer], {
      stdio: ['ignore', 'pipe', 'ignore'],
      ...(isRoot ? {} : account),
    });
    scratch.defer('end the stub', () => void stub.kill('SIGKILL'));
    const [said] = (await once(stub.stdout, 'data')) as [Buffer];
    return Object.assign(stub, { said: said.toString() });
  };
  const start = async (answer = ''): Promise<ChildProcess> => {
    const stub = await call({ answer });
    expect(stub.said).to.equal(`${frameTypes.enter} `);
    return stub;
  };
  const expectNothingLeft = async (timeout: number): Promise<void> => {
    await waitUntil(
      'nothing of the launch is left',
      () =>
        readdirSync(join(driver.runDirectory, 'state')).length === 0 && sandbox.processes.length === 1
          ? true
          : undefined,
      timeout,
    );
    const again = launchFake(driver, sandbox, { args: ['exit=7'] });
    expect((await again.ended).status, again.stderr).to.equal(7);
  };

  it('leaves nothing when the stub is killed, and the next one starts', async () => {
    const stub = await start();
    expect(sandbox.processes).to.include(stub.pid);
    stub.kill('SIGKILL');
    await expectNothingLeft(5000);
    expect(driver.log).to.include('ended before QEMU was seen to run');
  });

  it('leaves nothing when the stub is killed while no daemon runs', async () => {
    const stub = await start();
    await driver.end('SIGKILL');
    stub.kill('SIGKILL');
    await driver.start();
    await expectNothingLeft(5000);
  });

  it('ends a program that says that it failed, and stays in the cgroups of the pod', async () => {
    const failed = encodeFrame(frameTypes.failed, Buffer.from('Cannot start the VM: I do not want to'));
    const stub = await start(failed.toString('hex'));
    const ended = new Promise((resolve) => stub.once('exit', (_, signal) => resolve(signal)));
    expect(await ended).to.equal('SIGKILL');
    await expectNothingLeft(5000);
    expect(driver.log).to.include('I do not want to');
  });

  it('does not begin for a program of the qemu user, which could not enter', async () => {
    const stub = await call({ isRoot: false });
    expect(stub.said).to.match(
      new RegExp(
        `^${frameTypes.refused} Cannot launch in exec mode: the caller connected as uid ${account.uid}, .*; `,
      ),
    );
    expect(sandbox.processes).to.not.include(stub.pid);
    expect(readFileSync(`/proc/${stub.pid}/cgroup`, 'utf8')).to.equal(
      readFileSync('/proc/self/cgroup', 'utf8'),
    );
  });

  it('is ended by the next daemon where the stub still hangs there', async () => {
    const stub = await start();
    const ended = new Promise((resolve) => stub.once('exit', (_, signal) => resolve(signal)));
    await driver.end('SIGKILL');
    await driver.start();
    expect(await ended).to.equal('SIGKILL');
    await expectNothingLeft(5000);
  });
});
