import { expect } from 'chai';
import { useFakePods } from '../support/fake-pods.ts';
import { withFault } from '../support/fault-injection.ts';
import { launchFake } from '../support/fake-launch.ts';
import { expectNothingLeft, logLinesOf, startSupervisedVm } from '../support/supervised-vm.ts';
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
  this.retries(0); // what goes wrong at one moment of many is what is looked for
  const shared = useFakePods();

  for (const fault of startFaults)
    it(`${fault} during a start: the VM runs or is refused, and nothing is left`, async () => {
      const broker = await waitUntil('the daemon has a broker', () => shared.driver.broker, 5000);
      const launch = launchFake(shared.driver, shared.pod, { args: ['exit=42'] });
      launch.stub.kill('SIGSTOP');
      const { status, signal } = await withFault(shared.scratch, broker, fault, () => {
        launch.stub.kill('SIGCONT');
        return launch.ended;
      });
      if (signal !== null) expect(signal).to.equal('SIGKILL');
      else expect(status, launch.stderr).to.be.oneOf([42, 125]);
      if (status === 125) expect(launch.stderr).to.match(/^qemu-kube: Cannot [^\n]+\n$/);
      await expectNothingLeft(shared.driver, shared.pod, 15_000);
      await waitUntil(
        'the next start succeeds',
        async () => {
          const again = launchFake(shared.driver, shared.pod, { args: ['exit=42'] });
          return (await again.ended).status === 42 ? true : undefined;
        },
        10_000,
        500,
      );
    });

  for (const fault of lifeFaults)
    it(`${fault} while a VM runs: the stub ends as QEMU ended, and the daemon knows it once`, async () => {
      const { launch, shim } = await startSupervisedVm(shared.driver, shared.pod);
      await withFault(shared.scratch, shim, fault, async () => {
        launch.stub.kill('SIGHUP');
        await launch.waitForLine('signal 01');
        launch.stub.kill('SIGTERM');
        expect(await launch.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
      });
      await expectNothingLeft(shared.driver, shared.pod, 10_000);
      expect(logLinesOf(shared.driver, shared.pod, 'A VM ended')).to.have.lengthOf(1);
    });
});
