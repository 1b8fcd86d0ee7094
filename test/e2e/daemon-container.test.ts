import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startContainedDriver } from '../support/daemon-container.ts';
import { startLibvirt } from '../support/libvirt-host.ts';
import { describeOnNode } from '../support/own-node.ts';
import { identify, isRunning, readNamespace, readStatusFields } from '../support/processes.ts';
import { startSandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';

const FENCE_MS = 5000;

describeOnNode(import.meta.filename, 'a daemon in a container', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  beforeEach(() => {
    scratch = Scratch.open('test');
  });
  afterEach(() => scratch.close());

  for (const [mode, where] of [
    ['fork', 'on the node'],
    ['fork', 'in another container'],
    ['exec', 'in another container'],
  ] as const)
    it(`starts the VM of a libvirt ${where} in ${mode} mode, which outlives it and is known to the next`, async () => {
      const vmUuid = randomUUID();
      const vmName = 'two-containers';
      const { driver, container } = await startContainedDriver(scratch, { mode });
      const libvirt = await startLibvirt(scratch, {
        ...(where !== 'on the node' && {
          container: {
            hostPid: false,
            mounts: driver.libvirtMounts,
            capabilities: mode === 'exec' ? ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE'] : [],
          },
        }),
      });
      const sandbox = await startSandbox(scratch, { vmUuid, vmName });
      await libvirt.define({
        name: vmName,
        uuid: vmUuid,
        emulator: driver.emulator,
        serialSocket: '/var/lib/libvirt/qemu/serial.sock',
        environment: {
          KUBEVIRT_IO_VM_UUID: vmUuid,
          KUBEVIRT_IO_VM_NAME: vmName,
          KUBEVIRT_IO_SECRET: sandbox.secret ?? '',
        },
      });
      await libvirt.virsh(['start', vmName]);
      const [pid] = sandbox.processes.filter((each) => each !== sandbox.pid);
      if (pid === undefined) throw new Error('There is no QEMU in the pod');
      const qemu = identify(pid);
      for (const name of ['net', 'ipc', 'uts', 'cgroup'] as const)
        expect(readNamespace(pid, name), name).to.equal(readNamespace(sandbox.pid, name));
      expect(readNamespace(pid, 'pid')).to.equal(readNamespace(libvirt.libvirtd.pid, 'pid'));
      expect(readNamespace(driver.process.pid, 'mnt')).to.not.equal(readNamespace(1, 'mnt'));

      const kept = [qemu];
      if (mode === 'fork') {
        const shim = identify(Number(readStatusFields(pid).get('PPid')));
        kept.push(shim);
        expect(readNamespace(shim.pid, 'mnt')).to.equal(readNamespace(1, 'mnt'));
        expect(readFileSync(`/proc/${shim.pid}/cgroup`, 'utf8')).to.not.include(scratch.id);
      }
      await container().remove();
      expect(isRunning(driver.process)).to.equal(false);
      expect(kept.map(isRunning)).to.deep.equal(kept.map(() => true));
      await driver.start();
      const { stdout } = await driver.run(['machines', 'list', '--json', '--socket', driver.apiSocket]);
      expect(stdout).to.include(vmUuid).and.include(`"pid":${pid},`);
      // By device and inode of its stub, which libvirt runs in another mount namespace.
      expect(stdout).to.include('"profile":"default"');

      await libvirt.virsh(['destroy', vmName]);
      expect(sandbox.processes).to.deep.equal([sandbox.pid]);
      await waitUntil(
        'nothing of the launch is left',
        () => (readdirSync(join(driver.runDirectory, 'state')).length === 0 ? true : undefined),
        FENCE_MS,
      );
      // Through the socket that the second container has made.
      await libvirt.virsh(['start', vmName]);
      expect(sandbox.processes).to.have.lengthOf(2);
    });
});
