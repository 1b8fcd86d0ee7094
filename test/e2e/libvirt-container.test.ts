import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findCgroup } from '../support/cgroups.ts';
import { startLibvirt, type LibvirtHost } from '../support/libvirt-host.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import {
  identify,
  isRunning,
  readNamespace,
  readNestedPid,
  signalProcess,
  type ProcessIdentity,
} from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { startDomainInPod } from '../support/start-domain-in-pod.ts';
import { waitUntil } from '../support/wait-until.ts';

const FENCE_MS = 5000;
/** What the stub of exec mode needs to enter a pod. */
const entering = ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE'];

for (const mode of ['fork', 'exec'] as const)
  for (const hostPid of [false, true])
    describe(`libvirt in a container ${hostPid ? "in the node's" : 'with its own'} PID namespace, in ${mode} mode`, function () {
      this.timeout(60_000);
      let scratch: Scratch;
      let driver: NodeDriver;
      let libvirt: LibvirtHost;
      let sandbox: Sandbox;
      let qemu: ProcessIdentity;
      let count = 0;

      before(async () => {
        scratch = Scratch.open('test');
        driver = await startNodeDriver(scratch, { mode });
        libvirt = await startLibvirt(scratch, {
          container: {
            hostPid,
            mounts: driver.libvirtMounts,
            capabilities: ['CAP_SYS_NICE', ...(mode === 'exec' ? entering : [])],
          },
        });
      });
      after(() => scratch.close());

      beforeEach('start a VM', async () => {
        const vmUuid = randomUUID();
        const vmName = `contained-${++count}`;
        sandbox = await startSandbox(scratch, { vmUuid, vmName });
        qemu = await startDomainInPod(libvirt, driver, sandbox);
      });
      afterEach(async () => {
        await libvirt.virsh(['destroy', sandbox.vmName], { allowFailure: true });
        await sandbox.remove();
      });

      // In the node's PID namespace all else is as without a container.
      const itOwnPid = (title: string, run: () => Promise<void>): void => {
        if (!hostPid) it(title, run);
      };
      const expectOnlyLauncher = (): Promise<true> =>
        waitUntil(
          'nothing but the launcher is in the pod',
          () => (!isRunning(qemu) && sandbox.processes.join() === String(sandbox.pid) ? true : undefined),
          FENCE_MS,
        );
      const expectNoState = (): Promise<true> =>
        waitUntil(
          'nothing of the launch is left',
          () => (readdirSync(join(driver.runDirectory, 'state')).length === 0 ? true : undefined),
          FENCE_MS,
        );
      const domainState = async (): Promise<string> =>
        (await libvirt.virsh(['domstate', '--reason', sandbox.vmName])).stdout.trim();

      it("QEMU is in the pod's namespaces and cgroups and libvirt's PID namespace, where libvirt finds its threads", async () => {
        for (const name of ['net', 'ipc', 'uts', 'cgroup'] as const)
          expect(readNamespace(qemu.pid, name), name).to.equal(readNamespace(sandbox.pid, name));
        expect(readNamespace(qemu.pid, 'pid')).to.equal(readNamespace(libvirt.libvirtd.pid, 'pid'));
        expect(readFileSync(`/proc/${qemu.pid}/cgroup`, 'utf8')).to.equal(
          readFileSync(`/proc/${sandbox.pid}/cgroup`, 'utf8'),
        );
        // What libvirt mounts is to be seen by QEMU, and is in the container alone.
        const { stdout } = await libvirt.virsh(['domid', sandbox.vmName]);
        const directory = `/var/lib/libvirt/qemu/domain-${stdout.trim()}-${sandbox.vmName}`;
        expect(readdirSync(`/proc/${qemu.pid}/root${directory}`)).to.include('master-key.aes');

        if (mode === 'exec') expect(libvirt.readDomainPid(sandbox.vmName)).to.equal(readNestedPid(qemu.pid));
        await libvirt.virsh(['vcpupin', sandbox.vmName, '0', '0', '--live']);
        const masks = readdirSync(`/proc/${qemu.pid}/task`).map((tid) => {
          const status = readFileSync(`/proc/${qemu.pid}/task/${tid}/status`, 'utf8');
          return /^Name:\t(.*)[^]*^Cpus_allowed_list:\t(.*)$/m.exec(status)?.slice(1);
        });
        expect(masks).to.deep.include(['CPU 0/TCG', '0']);
      });

      it('virsh destroy, a new start, and SIGTERM to the process that libvirt knows', async () => {
        await libvirt.virsh(['destroy', sandbox.vmName]);
        expect(sandbox.processes).to.deep.equal([sandbox.pid]);
        await libvirt.virsh(['start', sandbox.vmName]);
        const [pid] = sandbox.processes.filter((each) => each !== sandbox.pid);
        qemu = identify(Number(pid));
        // All that libvirt does at the power-off of a guest.
        await libvirt.container.exec(['kill', '-TERM', String(libvirt.readDomainPid(sandbox.vmName))]);
        await expectOnlyLauncher();
        await expectNoState();
        await waitUntil(
          'libvirt knows it',
          async () => ((await domainState()).startsWith('shut off') ? true : undefined),
          FENCE_MS,
        );
      });

      itOwnPid('a QEMU that is killed has crashed, and nothing stays a zombie', async () => {
        const stub = libvirt.readDomainPid(sandbox.vmName);
        signalProcess(qemu, 'SIGKILL');
        await waitUntil(
          'libvirt says that it crashed',
          async () => ((await domainState()) === 'shut off (crashed)' ? true : undefined),
          FENCE_MS,
        );
        await expectOnlyLauncher();
        await expectNoState();
        const { stdout } = await libvirt.container.exec(['ls', '/proc']);
        expect(stdout.split('\n')).to.not.include(String(stub));
      });

      itOwnPid('libvirtd is killed and started again, and has the VM as before', async () => {
        await libvirt.endLibvirtd('SIGKILL');
        await libvirt.startLibvirtd();
        expect(isRunning(qemu)).to.equal(true);
        expect(await domainState()).to.match(/^running/);
        await libvirt.virsh(['destroy', sandbox.vmName]);
        await expectOnlyLauncher();
      });

      itOwnPid('the daemon is killed and started again, and has the VM as before', async () => {
        await driver.end('SIGKILL');
        await driver.start();
        const { stdout } = await driver.run(['machines', 'list', '--json', '--socket', driver.apiSocket]);
        expect(stdout).to.include(sandbox.vmUuid).and.include(`"pid":${qemu.pid},`);
        // By device and inode of its stub, which the container has as a mount.
        expect(stdout).to.include('"profile":"default"');
        // The container has the directory of the launch socket, in which there is a new socket now.
        await libvirt.virsh(['destroy', sandbox.vmName]);
        await libvirt.virsh(['start', sandbox.vmName]);
      });

      it('the process that libvirt knows is killed, and QEMU ends', async () => {
        const stub = libvirt.readDomainPid(sandbox.vmName);
        await libvirt.container.exec(['kill', '-KILL', String(stub)]);
        await expectOnlyLauncher();
        await expectNoState();
      });

      itOwnPid('the pod ends, and QEMU ends with it', async () => {
        await sandbox.kill('SIGKILL');
        await sandbox.delete();
        await waitUntil('QEMU has ended', () => (isRunning(qemu) ? undefined : true), FENCE_MS);
        await waitUntil(
          'the cgroups are gone',
          () => (findCgroup(sandbox.cgroup).length === 0 ? true : undefined),
          FENCE_MS,
        );
        await expectNoState();
      });

      // The last one: libvirt is gone then.
      it(`libvirt's container ends, and QEMU ${mode === 'exec' && hostPid ? 'goes on' : 'ends with it'}`, async () => {
        await libvirt.container.remove();
        if (mode === 'exec' && hostPid) {
          expect(isRunning(qemu)).to.equal(true);
          expect(sandbox.processes).to.have.members([sandbox.pid, qemu.pid]);
          await sandbox.kill('SIGKILL');
          await waitUntil('QEMU has ended', () => (isRunning(qemu) ? undefined : true), FENCE_MS);
        } else await expectOnlyLauncher();
        await expectNoState();
      });
    });
