import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { draftRequest, encodeRequest } from '../../fuzz/encode-request.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { startSandbox, type Sandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** Connects, sends its request, takes ENTER, and stays as it is: a stub that hangs before it has entered. */
const script =
  'use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) or die;' +
  'syswrite(S, pack("H*", $ARGV[1])); sysread(S, $frame, 12); syswrite(STDOUT, "asked"); sleep 60';

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

  const start = async (): Promise<ChildProcess> => {
    const argv = ['/stub', '-name', `guest=${sandbox.vmName}`];
    const env = [`KUBEVIRT_IO_VM_UUID=${sandbox.vmUuid}`, `KUBEVIRT_IO_SECRET=${sandbox.secret ?? ''}`];
    const request = encodeRequest({ ...draftRequest(argv, env), mode: 1 });
    const stub = spawn('perl', ['-e', script, driver.launchSocket, request.toString('hex')], {
      stdio: ['ignore', 'pipe', 'ignore'],
      ...findQemuAccount(),
    });
    scratch.defer('end the stub', () => void stub.kill('SIGKILL'));
    await once(stub.stdout, 'data');
    expect(sandbox.processes).to.include(stub.pid);
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

  it('is ended by the next daemon where the stub still hangs there', async () => {
    const stub = await start();
    const ended = new Promise((resolve) => stub.once('exit', (_, signal) => resolve(signal)));
    await driver.end('SIGKILL');
    await driver.start();
    expect(await ended).to.equal('SIGKILL');
    await expectNothingLeft(5000);
  });
});
