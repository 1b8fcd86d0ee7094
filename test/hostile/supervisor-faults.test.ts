import { expect } from 'chai';
import { withFault } from '../support/fault-injection.ts';
import { fakeEmulator, launchFake } from '../support/fake-launch.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { listDescendants, readArguments, type ProcessIdentity } from '../support/processes.ts';
import type { Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { expectNothingLeft, logLinesOf, startFakePod, startSupervisedVm } from '../support/supervised-vm.ts';
import { waitUntil } from '../support/wait-until.ts';

/** On the way from the broker to QEMU: what each of them comes to is up to it, within what the test allows. */
const startFaults = [
  'openat:error=EMFILE:when=3+',
  'openat:error=EMFILE:when=9+',
  'write:error=ENOSPC',
  'renameat:error=EIO',
  'fsync:error=EIO',
  'pidfd_open:error=ENOSYS',
  'clone3:error=ENOSYS',
  'close_range:error=ENOSYS',
  'setns:error=EPERM',
  'mount:error=EPERM',
  'fcntl:error=EMFILE:when=4+',
  'setresuid:error=EAGAIN',
  'pipe2:error=EMFILE',
  'signalfd4:error=EMFILE',
  'bind:error=ENOSPC',
  'sendto:error=EAGAIN:when=1+2',
  'recvmsg:error=EINTR:when=1+2',
  'poll:error=EINTR:when=1+2',
  'wait4:error=EINTR:when=1+2',
  'fsync:delay_enter=1s',
];

/** While a VM runs. None of them may change what libvirt is told. */
const lifeFaults = [
  'openat:error=EMFILE',
  'write:error=ENOSPC',
  'renameat:error=EIO',
  'fsync:error=EIO',
  'fsync:delay_enter=3s',
  'unlinkat:error=EIO',
  'rmdir:error=EIO',
  'pidfd_open:error=ENOSYS',
  'accept4:error=EMFILE',
  'sendto:error=EAGAIN:when=1+2',
  'poll:error=EINTR:when=1+2',
  'wait4:error=EINTR:when=1+2',
  'read:error=EINTR:when=1+2',
];

describe('a shim whose system calls fail', function () {
  this.timeout(90_000);
  let scratch: Scratch;
  let driver: NodeDriver;
  let pod: Sandbox;

  before(async () => {
    scratch = Scratch.open('test');
    driver = await startNodeDriver(scratch, { settings: { emulator: fakeEmulator } });
  });
  after(() => scratch.close());
  beforeEach(async () => {
    pod = await startFakePod(scratch);
  });
  afterEach(() => pod.remove());

  const findBroker = (): ProcessIdentity => {
    const broker = listDescendants(driver.process).find(({ pid }) =>
      readArguments(pid)[0]?.endsWith('/qemu-kube-broker'),
    );
    if (broker === undefined) throw new Error('The daemon has no broker');
    return broker;
  };

  for (const fault of startFaults)
    it(`${fault} during a start: the VM runs or is refused, and nothing is left`, async () => {
      const broker = await waitUntil('the daemon has a broker', findBroker, 5000);
      const launch = launchFake(driver, pod, { args: ['exit=42'] });
      launch.stub.kill('SIGSTOP');
      const { status, signal } = await withFault(scratch, broker, fault, () => {
        launch.stub.kill('SIGCONT');
        return launch.ended;
      });
      if (signal !== null) expect(signal).to.equal('SIGKILL');
      else expect(status, launch.stderr).to.be.oneOf([42, 125]);
      if (status === 125) expect(launch.stderr).to.match(/^qemu-kube: Cannot [^\n]+\n$/);
      await expectNothingLeft(driver, pod, 15_000);
      await waitUntil(
        'the next start succeeds',
        async () => {
          const again = launchFake(driver, pod, { args: ['exit=42'] });
          return (await again.ended).status === 42 ? true : undefined;
        },
        10_000,
        500,
      );
    });

  for (const fault of lifeFaults)
    it(`${fault} while a VM runs: the stub ends as QEMU ended, and the daemon knows it once`, async () => {
      const { launch, shim } = await startSupervisedVm(driver, pod);
      await withFault(scratch, shim, fault, async () => {
        launch.stub.kill('SIGHUP');
        await launch.waitForLine('signal 01');
        launch.stub.kill('SIGTERM');
        expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
      });
      await expectNothingLeft(driver, pod, 10_000);
      expect(logLinesOf(driver, pod, 'A VM ended')).to.have.lengthOf(1);
    });
});
