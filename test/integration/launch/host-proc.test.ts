import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../../support/node-driver.ts';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { runCommand } from '../../support/run-command.ts';
import { startSandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { startServiceContainer } from '../../support/service-container.ts';
import { withoutLaunchId } from '../../support/start-bench.ts';

describe("proc, the mount point of the node's procfs", function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let elsewhere: string;

  before(() => {
    scratch = Scratch.open('test');
    elsewhere = join(scratch.directory, 'host/proc');
    mkdirSync(elsewhere, { recursive: true });
    scratch.defer('unmount the procfs', () =>
      runCommand('umount', [elsewhere], { allowFailure: true }).then(() => undefined),
    );
  });
  after(() => scratch.close());

  it('is where the daemon looks: without a procfs there it does not start, with one it finds the pod', async () => {
    const vm = { vmUuid: randomUUID(), vmName: 'host-proc' };
    const sandbox = await startSandbox(scratch, { ...vm, mounts: [fakeEmulatorMount] });
    const driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
    await driver.end();
    driver.configure({ emulator: fakeEmulator, proc: elsewhere });
    await driver.start().then(
      () => expect.fail('The daemon started without a procfs'),
      (error: unknown) => expect(String(error)).to.include(elsewhere),
    );

    await runCommand('mount', ['-t', 'proc', 'proc', elsewhere]);
    await driver.start();
    const launch = launchFake(driver, sandbox, { args: ['exit=9'] });
    expect(await launch.ended, launch.stderr).to.deep.equal({ status: 9, signal: null });
    const resolved = await driver.run([
      'resolve',
      '--uuid',
      vm.vmUuid,
      '--json',
      '--socket',
      driver.apiSocket,
    ]);
    expect(resolved.stdout).to.include(String(sandbox.pid));
  });

  describe('of another namespace', () => {
    let scratch: Scratch;
    const inOwnPid = ['--pid', '--fork', '--kill-child', '--mount-proc'];
    const startElsewhere = (settings: Readonly<Record<string, string>>): Promise<NodeDriver> =>
      startNodeDriver(scratch, {
        settings: { emulator: fakeEmulator, ...settings },
        run: ([program = '', ...args], log) =>
          scratch.startBackground('unshare', [...inOwnPid, program, ...args], log),
      });
    beforeEach(() => {
      scratch = Scratch.open('test');
    });
    afterEach(() => scratch.close());

    it('numbers processes otherwise: the daemon does not start', async () => {
      const nodeProc = join(scratch.directory, 'proc');
      mkdirSync(nodeProc);
      await runCommand('mount', ['--bind', '/proc', nodeProc]);
      await startElsewhere({ proc: nodeProc }).then(
        () => expect.fail('The daemon started'),
        (error: unknown) =>
          expect(String(error)).to.match(/Cannot serve this node: .*; run the daemon with hostPID: true/),
      );
    });

    it('is not mounted for it: a launch is refused, since it can see no caller', async () => {
      const driver = await startElsewhere({});
      const vm = { vmUuid: 'u', vmName: 'n', secret: 's' };
      const launch = launchFake(driver, vm, { args: ['wait'] });
      expect((await launch.ended).status).to.equal(125);
      expect(withoutLaunchId(launch.stderr)).to.match(
        /its process is not visible from the node; .* hostPID: true\n$/,
      );
      await driver.end('SIGKILL');
    });

    it('is no help with a caller in a user namespace of its own, which is refused', async () => {
      const driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
      const container = await startServiceContainer(scratch, {
        name: 'users',
        argv: ['sleep', 'infinity'],
        namespaces: ['pid', 'network', 'ipc', 'uts'],
        mounts: driver.libvirtMounts,
        ownUsers: true,
      });
      const { uid, gid } = findQemuAccount();
      const account = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
      const { status, stderr } = await container.exec(
        [...account, driver.emulator, '-name', 'guest=n'],
        ['--env', 'KUBEVIRT_IO_VM_UUID=u', '--env', 'KUBEVIRT_IO_SECRET=s'],
        { allowFailure: true },
      );
      expect(status).to.equal(125);
      expect(stderr).to.match(/in another user namespace .*; run libvirt's container without .*\n$/);
    });
  });
});
