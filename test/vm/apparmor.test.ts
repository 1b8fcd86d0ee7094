import { expect } from 'chai';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { enforceAppArmor, listDenials, readKernelLog } from '../support/apparmor-policy.ts';
import { startLibvirt, type LibvirtHost } from '../support/libvirt-host.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { identify, readProcess } from '../support/processes.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';

const labelOf = (pid: number): string => readFileSync(`/proc/${pid}/attr/apparmor/current`, 'utf8').trimEnd();

/** As container runtimes confine a pod by default. */
function podProfile(name: string): string {
  return `profile ${name} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  signal (receive) peer=unconfined,
  signal (send, receive) peer=${name},
  ptrace (trace, read, tracedby, readby) peer=${name},
  deny mount,
  deny /sys/kernel/security/** rwklx,
}
`;
}

const cases = [
  { mode: 'fork', securityDriver: 'none' },
  { mode: 'fork', securityDriver: 'apparmor' },
  { mode: 'exec', securityDriver: 'none' },
  { mode: 'exec', securityDriver: 'apparmor' },
] as const;

for (const { mode, securityDriver } of cases)
  describe(`${mode} mode where AppArmor enforces, with security_driver = "${securityDriver}"`, function () {
    this.timeout(120_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    let libvirt: LibvirtHost;
    let pod: Sandbox;
    let podLabel: string;
    let logged: number;

    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode });
      logged = (await readKernelLog()).length;
      await enforceAppArmor(scratch, driver);
      podLabel = `${scratch.id}-pod`;
      const path = join(scratch.directory, podLabel);
      writeFileSync(path, podProfile(podLabel));
      await runCommand('apparmor_parser', ['--replace', '--skip-cache', path]);
      scratch.defer('unload the profile of the pod', async () => {
        await runCommand('apparmor_parser', ['--remove', path]);
      });
      // The stub of exec mode is what the manual says: outside of the profile.
      if (mode === 'exec')
        await runCommand('apparmor_parser', ['--remove', join(scratch.directory, 'qemu-kube.apparmor')]);
      libvirt = await startLibvirt(scratch, { securityDriver });
      const vmUuid = '6f3c2f5e-0a5e-4a3b-9d9a-3f1d7d0c1b2a';
      pod = await startSandbox(scratch, { vmUuid, vmName: 'confined', apparmorProfile: podLabel });
      await libvirt.define({
        name: 'confined',
        uuid: vmUuid,
        emulator: driver.emulator,
        serialSocket: join(libvirt.directory, 'lib/qemu/serial.sock'),
        environment: {
          KUBEVIRT_IO_VM_UUID: vmUuid,
          KUBEVIRT_IO_VM_NAME: 'confined',
          KUBEVIRT_IO_SECRET: pod.secret ?? '',
        },
      });
    });
    after(() => scratch.close());

    it('confines libvirtd', () => {
      expect(labelOf(libvirt.libvirtd.pid)).to.equal('libvirtd (enforce)');
    });

    it('lets libvirt probe through the stub', async () => {
      const { stdout } = await libvirt.virsh(['domcapabilities', '--emulatorbin', driver.emulator]);
      expect(stdout).to.include(`<path>${driver.emulator}</path>`);
    });

    it('lets a VM start in its pod, look, pause, and end', async () => {
      await libvirt.virsh(['start', 'confined']).catch(async (error: unknown) => {
        const denied = (await listDenials('', logged)).join('\n');
        throw new Error(`${denied}\n${libvirt.readDomainLog('confined')}`, { cause: error });
      });
      const known = libvirt.readDomainPid('confined') ?? 0;
      const [qemu = 0] = pod.processes.filter((pid) => pid !== pod.pid);
      expect(labelOf(qemu)).to.equal(`${podLabel} (enforce)`);
      expect(labelOf(known)).to.equal(mode === 'fork' ? 'qemu-kube (enforce)' : `${podLabel} (enforce)`);
      for (const command of [
        ['domstats'],
        ['suspend', 'confined'],
        ['resume', 'confined'],
        ['domstate', 'confined'],
      ])
        await libvirt.virsh(command);
      const identity = identify(qemu);
      await libvirt.virsh(['destroy', 'confined']);
      await waitUntil(
        'QEMU has ended',
        () => (readProcess(identity.pid) === undefined ? true : undefined),
        10_000,
      );
    });

    it('shows what libvirt says of a refusal', async () => {
      await pod.remove();
      const { status, stderr } = await libvirt.virsh(['start', 'confined'], { allowFailure: true });
      expect(status).to.not.equal(0);
      expect(stderr).to.match(/qemu-kube(-exec)?: Cannot find a virt-launcher of VM/);
    });

    it('denied nothing that the stub needs', async () => {
      expect(await listDenials('qemu-kube', logged)).to.deep.equal([]);
    });

    if (mode === 'fork')
      it('lets nobody who has the profile of the stub read, run or reach anything else', async () => {
        // At a path of the stub's, so that the profile attaches as it would to a stub that was taken over.
        const program = join(driver.emulator, '../qemu-taken-over');
        copyFileSync(join(import.meta.dirname, '../fixtures/build/reach-out'), program);
        chmodSync(program, 0o755);
        const attempts = [
          ['read', '/etc/shadow'],
          ['read', `/proc/${libvirt.libvirtd.pid}/environ`],
          ['write', join(scratch.directory, 'written')],
          ['execute', '/bin/sh'],
          ['connect', driver.apiSocket],
        ];
        for (const attempt of attempts)
          expect((await runCommand(program, attempt)).stdout, attempt.join(' ')).to.equal(
            'Permission denied\n',
          );
        expect((await runCommand(program, ['connect', driver.launchSocket])).stdout).to.equal('done\n');
      });
  });
