import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startLibvirt, type LibvirtHost } from '../support/libvirt-host.ts';
import { runNodeDriver } from '../support/run-command-line.ts';
import { Scratch } from '../support/scratch.ts';

const emulator = '/usr/bin/qemu-system-x86_64';
const secret = 'a secret of <this> & "that"';

/** libvirt itself reads what the command prints; the emulator is QEMU, since libvirt asks it what it can do. */
describe('node-driver domain-xml and libvirt', function () {
  this.timeout(120_000);
  let scratch: Scratch;
  let libvirt: LibvirtHost;
  let secretFile: string;
  before(async () => {
    scratch = Scratch.open('test');
    libvirt = await startLibvirt(scratch);
    secretFile = join(scratch.directory, 'domain-secret');
    writeFileSync(secretFile, secret, { mode: 0o600 });
  });
  after(() => scratch.close());

  const define = async (xml: string, name: string): Promise<string> => {
    const file = join(scratch.directory, `${name}.xml`);
    writeFileSync(file, xml, { mode: 0o600 });
    // Against the schema, too, as virt-xml-validate does.
    await libvirt.virsh(['define', '--validate', file]);
    return (await libvirt.virsh(['dumpxml', '--inactive', name])).stdout;
  };
  /** What libvirt will put into the environment of the emulator. */
  const environmentOf = (xml: string): readonly string[] =>
    [...xml.matchAll(/<qemu:env name='([^']*)' value='([^']*)'\/>/gu)].map(
      ([, name = '', value = '']) => `${name}=${value}`,
    );

  it('prints a domain that libvirt finds valid by its schema, and defines', async () => {
    const uuid = randomUUID();
    const args = ['--uuid', uuid, '--name', 'new-vm', '--secret-file', secretFile, '--type', 'qemu'];
    const { status, out } = await runNodeDriver('domain-xml', ...args, '--emulator', emulator);
    expect(status).to.equal(0);
    const defined = await define(out, 'new-vm');
    expect(environmentOf(defined)).to.deep.equal([
      `KUBEVIRT_IO_VM_UUID=${uuid}`,
      'KUBEVIRT_IO_VM_NAME=new-vm',
      'KUBEVIRT_IO_SECRET=a secret of &lt;this&gt; &amp; &quot;that&quot;',
    ]);
    expect(defined).to.include(`<emulator>${emulator}</emulator>`);
  });

  it('adds to a domain of libvirt, and takes nothing from it', async () => {
    const uuid = randomUUID();
    await libvirt.define(`<domain type='qemu'>
      <name>old-vm</name><uuid>${uuid}</uuid><memory>65536</memory>
      <os><type arch='x86_64' machine='pc'>hvm</type></os>
      <devices><emulator>${emulator}</emulator><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices>
    </domain>`);
    const before = (await libvirt.virsh(['dumpxml', '--inactive', 'old-vm'])).stdout;
    const file = join(scratch.directory, 'before.xml');
    writeFileSync(file, before);
    const args = ['--patch', file, '--name', 'old-vm', '--secret-file', secretFile, '--emulator', emulator];
    const { status, out } = await runNodeDriver('domain-xml', ...args);
    expect(status).to.equal(0);
    const after = await define(out, 'old-vm');
    expect(environmentOf(after)).to.have.length(3);
    const rest = (xml: string): string =>
      xml.replace(/\n *<qemu:commandline>[^]*<\/qemu:commandline>/u, '').replace(/ xmlns:qemu='[^']*'/u, '');
    expect(rest(after)).to.equal(before);
  });

  it('is needed for the declaration of the prefix, too: libvirt leaves out what has none, and says nothing', async () => {
    const uuid = randomUUID();
    await libvirt.define(`<domain type='qemu'><name>silent-vm</name><uuid>${uuid}</uuid><memory>65536</memory>
      <os><type arch='x86_64' machine='pc'>hvm</type></os><devices><emulator>${emulator}</emulator></devices>
      <qemu:commandline><qemu:env name='KUBEVIRT_IO_VM_UUID' value='${uuid}'/></qemu:commandline></domain>`);
    const { stdout } = await libvirt.virsh(['dumpxml', '--inactive', 'silent-vm']);
    expect(environmentOf(stdout)).to.deep.equal([]);
  });
});
