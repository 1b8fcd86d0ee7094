import type { V1Pod } from '@kubernetes/client-node';
import { expect } from 'chai';
import { chmodSync, chownSync, mkdirSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeDiskGuest } from '../support/disk-guest.ts';
import { startLibvirt, type LibvirtHost } from '../support/libvirt-host.ts';
import { deployDirectory, parseManifests, type Plain } from '../support/manifests.ts';
import { startNodeDriver, type NodeDriver } from '../support/node-driver.ts';
import { readArguments, readNamespace, readStatusFields } from '../support/processes.ts';
import { runCommand } from '../support/run-command.ts';
import { startSandbox, type Sandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { SerialConsole } from '../support/serial-console.ts';

const examples = join(deployDirectory, 'examples');
/** A group that nobody on this machine is in but by the pod. */
const FS_GROUP = 4_207_000;
const O_RDWR = 2;

const domainXml = readFileSync(join(examples, 'domain.xml'), 'utf8');
const pod = parseManifests(readFileSync(join(examples, 'virt-launcher.yaml'), 'utf8'))[0] as Plain<V1Pod>;

/** The text with one place changed. */
function replaceOnce(text: string, place: string, by: string): string {
  const parts = text.split(place);
  expect(parts, place).to.have.lengthOf(2);
  return parts.join(by);
}

for (const mode of ['fork', 'exec'] as const)
  describe(`the pod and the domain in deploy/examples, with a disk on a volume of both, in ${mode} mode`, function () {
    this.timeout(90_000);
    let scratch: Scratch;
    let driver: NodeDriver;
    let libvirt: LibvirtHost;
    let volume: string;

    before(async () => {
      scratch = Scratch.open('test');
      driver = await startNodeDriver(scratch, { mode });
      // A file system of its own, as the kubelet leaves it for a pod with an fsGroup: at one path on the node and in the pod.
      volume = join(scratch.directory, 'vm-disks/testvm');
      mkdirSync(volume, { recursive: true });
      await runCommand('mount', ['-t', 'tmpfs', '-o', `mode=2775,uid=0,gid=${FS_GROUP}`, 'tmpfs', volume]);
      const disk = join(volume, 'disk.img');
      writeDiskGuest(disk);
      chownSync(disk, 0, FS_GROUP);
      chmodSync(disk, 0o660);
      libvirt = await startLibvirt(scratch);
    });
    after(() => scratch.close());

    /** The example as it is, but for what belongs to this machine. */
    const start = async (groups: readonly number[]): Promise<Sandbox> => {
      const container = pod.spec?.containers[0];
      const sandbox = await startSandbox(scratch, {
        vmUuid: '7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10',
        vmName: 'testvm',
        argv: ['virt-launcher', ...(container?.args ?? [])],
        user: { uid: 107, gid: 107, groups },
        mounts: [{ source: volume, destination: volume }],
      });
      const [mounted] = (container?.volumeMounts ?? []).filter(({ name }) => name === 'disks');
      let xml = replaceOnce(domainXml, `${mounted?.mountPath ?? ''}/`, `${volume}/`);
      xml = replaceOnce(xml, "type='kvm'", "type='qemu'");
      xml = replaceOnce(
        xml,
        '/usr/local/lib/kubevirt-node-driver/emulators/default/qemu-system-x86_64',
        driver.emulator,
      );
      xml = replaceOnce(xml, 'replace-this-by-what-node-driver-secret-new-prints', sandbox.secret ?? '');
      await libvirt.define(xml);
      return sandbox;
    };
    const end = async (sandbox: Sandbox): Promise<void> => {
      await libvirt.virsh(['destroy', 'testvm'], { allowFailure: true });
      await sandbox.remove();
    };

    it("boots from it by the pod's fsGroup, while its files keep their owner, with its network in the pod", async () => {
      const sandbox = await start([FS_GROUP]);
      try {
        await libvirt.virsh(['start', 'testvm']);
        const serial = await SerialConsole.open(join(libvirt.directory, 'lib/qemu/testvm.serial'));
        try {
          expect(await serial.waitForLine(/guest boot=[0-9a-f]+ count=\d+/, 45_000)).to.match(/guest boot/);
        } finally {
          serial.close();
        }
        const [qemu] = sandbox.processes.filter((pid) => pid !== sandbox.pid);
        if (qemu === undefined) throw new Error('There is no QEMU in the pod');
        const status = readStatusFields(qemu);
        expect(status.get('Groups')?.split(' ')).to.include(String(FS_GROUP));
        expect(status.get('Uid')?.split('\t')[0]).to.equal(String(libvirt.account.uid));
        expect(statSync(join(volume, 'disk.img'))).to.include({ uid: 0, gid: FS_GROUP });
        const fd = readdirSync(`/proc/${qemu}/fd`).find(
          (each) => readlinkSync(`/proc/${qemu}/fd/${each}`) === join(volume, 'disk.img'),
        );
        const flags = /^flags:\t(\d+)$/m.exec(readFileSync(`/proc/${qemu}/fdinfo/${fd ?? ''}`, 'utf8'))?.[1];
        expect(Number.parseInt(flags ?? '', 8) & 3).to.equal(O_RDWR);
        expect(readArguments(qemu).join(' ')).to.match(/-netdev \{?"?(type":")?user/);
        expect(readNamespace(qemu, 'net')).to.equal(readNamespace(sandbox.pid, 'net'));
      } finally {
        await end(sandbox);
      }
    });

    it('is kept from it without that group', async () => {
      const sandbox = await start([]);
      try {
        const { status, stderr } = await libvirt.virsh(['start', 'testvm'], { allowFailure: true });
        expect(status).to.equal(1);
        expect(stderr).to.match(/disk\.img.*Permission denied/);
      } finally {
        await end(sandbox);
      }
    });
  });
