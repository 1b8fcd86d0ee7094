import { expect } from 'chai';
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LaunchMode } from '../../daemon/machines/machine.ts';
import {
  enforceAppArmor,
  listDenials,
  loadAppArmorProfile,
  readKernelLog,
} from '../support/apparmor-policy.ts';
import { startLibvirt, type LibvirtHost } from '../support/libvirt-host.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { identify, readProcess } from '../support/processes.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';

const labelOf = (pid: number): string => readFileSync(`/proc/${pid}/attr/apparmor/current`, 'utf8').trimEnd();

/** As container runtimes confine a pod by default; in exec mode with what the manual adds for libvirt. */
function podProfile(name: string, mode: LaunchMode): string {
  const libvirt = `
  signal (receive) peer=libvirtd,
  ptrace (readby, tracedby) peer=libvirtd,`;
  return `profile ${name} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  signal (receive) peer=unconfined,
  signal (receive) peer=runc,
  signal (send, receive) peer=${name},
  ptrace (trace, read, tracedby, readby) peer=${name},${mode === 'exec' ? libvirt : ''}
  deny mount,
  deny /sys/kernel/security/** rwklx,
}
`;
}

/** The kernel's AppArmor decides who connects to whom: Ubuntu's does, others from Linux 6.17 on. */
const mediatesSockets = ['network', 'network_v9'].some((version) =>
  existsSync(`/sys/kernel/security/apparmor/features/${version}/af_unix`),
);

for (const mode of ['fork', 'exec'] as const)
  describe(`${mode} mode where AppArmor enforces`, function () {
    this.timeout(120_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    let podLabel: string;

    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode });
      podLabel = `${scratch.id}-pod`;
      await enforceAppArmor(scratch, driver, podLabel);
      const path = join(scratch.directory, podLabel);
      writeFileSync(path, podProfile(podLabel, mode));
      await loadAppArmorProfile(scratch, path);
      // The stub of exec mode is what the manual says: outside of the profile.
      if (mode === 'exec')
        await runCommand('apparmor_parser', ['--remove', join(scratch.directory, 'qemu-kube.apparmor')]);
    });
    after(() => scratch.close());

    for (const securityDriver of ['none', 'apparmor'] as const)
      describe(`with security_driver = "${securityDriver}"`, () => {
        let own: Scratch;
        let libvirt: LibvirtHost;
        let pod: Sandbox;
        let logged: number;

        before(async () => {
          logged = (await readKernelLog()).length;
          own = Scratch.open('test');
          libvirt = await startLibvirt(own, { securityDriver });
          const vmUuid = '6f3c2f5e-0a5e-4a3b-9d9a-3f1d7d0c1b2a';
          pod = await startSandbox(own, { vmUuid, vmName: 'confined', apparmorProfile: podLabel });
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
        after(() => own.close());

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
              ['write', join(own.directory, 'written')],
              ['execute', '/bin/sh'],
              ...(mediatesSockets ? [['connect', driver.apiSocket]] : []),
            ];
            for (const attempt of attempts)
              expect((await runCommand(program, attempt)).stdout, attempt.join(' ')).to.equal(
                'Permission denied\n',
              );
            // Where the kernel does not, the modes of the directories decide: what was taken over has libvirt's user.
            const user = ['--reuid', String(libvirt.account.uid), '--regid', String(libvirt.account.gid)];
            const connect = async (path: string): Promise<string> =>
              (await runCommand('setpriv', [...user, '--clear-groups', program, 'connect', path])).stdout;
            expect(await connect(driver.apiSocket)).to.equal('Permission denied\n');
            expect(await connect(driver.launchSocket)).to.equal('done\n');
          });
      });
  });
