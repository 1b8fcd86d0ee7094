import { expect } from 'chai';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildGuest, guestGreeting } from '../support/guest.ts';
import { startLibvirt, type LibvirtHost } from '../support/libvirt-host.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { readNamespace, readStatusFields } from '../support/processes.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { SerialConsole } from '../support/serial-console.ts';

const PORT = 8098;
const first = 1_000_000;

for (const mode of ['fork', 'exec'] as const)
  describe(`a VM in a pod with a user namespace, in ${mode} mode`, function () {
    this.timeout(90_000);
    const vmName = `users-${mode}`;
    let scratch: Scratch;
    let driver: NodeDriver;
    let libvirt: LibvirtHost;
    let sandbox: Sandbox;
    let serialSocket: string;

    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode });
      libvirt = await startLibvirt(scratch);
      serialSocket = join(libvirt.directory, 'lib/qemu', 'serial.sock');
      const vmUuid = '2e2ec7d1-8a1c-4a9f-9f2c-5f7a00000001';
      sandbox = await startSandbox(scratch, {
        vmUuid,
        vmName,
        firstUserId: first,
        idmappedSecret: true,
        readOnlyRoot: true,
        libvirtMountPoints: false,
        listener: { port: PORT, body: buildGuest('of this test') },
      });
      await libvirt.define({
        name: vmName,
        uuid: vmUuid,
        emulator: driver.emulator,
        serialSocket,
        bootUrl: `http://10.0.2.2:${PORT}/guest`,
        environment: {
          KUBEVIRT_IO_VM_UUID: vmUuid,
          KUBEVIRT_IO_VM_NAME: vmName,
          KUBEVIRT_IO_SECRET: sandbox.secret ?? '',
        },
      });
    });
    after(() => scratch.close());

    const findQemu = (): number => {
      const [qemu] = sandbox.processes.filter((pid) => pid !== sandbox.pid);
      if (qemu === undefined) throw new Error('There is no QEMU in the pod');
      return qemu;
    };

    it("starts with a secret whose file belongs to the pod's ids by an idmapped mount", async () => {
      await libvirt.virsh(['start', vmName]);
      const secret = statSync(`/proc/${sandbox.pid}/root/etc/kubevirt/node-driver/secret`);
      expect([secret.uid, secret.gid, secret.mode & 0o777]).to.deep.equal([first, first + 107, 0o640]);
    });

    it('boots a guest, which reaches what listens only in the pod', async () => {
      const serial = await SerialConsole.open(serialSocket);
      try {
        expect(await serial.waitForLine(guestGreeting, 45_000)).to.include('of this test');
      } finally {
        serial.close();
      }
    });

    it("is in the pod's namespaces with libvirt's ids as the pod numbers them, and without privilege", () => {
      const qemu = findQemu();
      for (const name of ['user', 'net', 'ipc', 'uts', 'cgroup'] as const)
        expect(readNamespace(qemu, name), name).to.equal(readNamespace(sandbox.pid, name));
      const { uid, gid } = libvirt.account;
      const status = readStatusFields(qemu);
      expect(status.get('Uid')).to.equal(
        Array(4)
          .fill(first + uid)
          .join('\t'),
      );
      expect(status.get('Gid')).to.equal(
        Array(4)
          .fill(first + gid)
          .join('\t'),
      );
      for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'])
        expect(status.get(`Cap${set}`), set).to.match(/^0+$/);
      expect(status.get('NoNewPrivs')).to.equal('1');
      expect(readFileSync(`/proc/${qemu}/cgroup`, 'utf8')).to.equal(
        readFileSync(`/proc/${sandbox.pid}/cgroup`, 'utf8'),
      );
    });

    it("has libvirt's directory of the domain as its own, in a skeleton of the pod's root", async () => {
      const root = `/proc/${findQemu()}/root`;
      const { uid, gid } = libvirt.account;
      const { stdout } = await libvirt.virsh(['domid', vmName]);
      const directory = `/var/lib/libvirt/qemu/domain-${stdout.trim()}-${vmName}`;
      const owner = (path: string): readonly number[] => {
        const found = statSync(root + path);
        return [found.uid, found.gid];
      };
      expect(readdirSync(root + directory)).to.include('master-key.aes');
      for (const path of [directory, `${directory}/master-key.aes`])
        expect(owner(path), path).to.deep.equal([first + uid, first + gid]);
      for (const path of ['/var', '/var/lib', '/var/lib/libvirt/qemu'])
        expect(owner(path), path).to.deep.equal([first, first]);
      const real = statSync(join(libvirt.directory, 'lib/qemu', directory.split('/').at(-1) ?? ''));
      expect([real.uid, real.gid]).to.deep.equal([uid, gid]);
    });

    it('is managed and ended by libvirt', async () => {
      await libvirt.virsh(['suspend', vmName]);
      await libvirt.virsh(['resume', vmName]);
      await libvirt.virsh(['destroy', vmName]);
      expect(sandbox.processes).to.deep.equal([sandbox.pid]);
    });
  });
