import { expect } from 'chai';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { runCommand } from '../support/run-command.ts';
import type { Sandbox } from '../support/sandbox.ts';
import { StartBench } from '../support/start-bench.ts';

/** The table "Where libvirt keeps it" of docs/secrets.md, held against libvirt itself. */
describe('what libvirt keeps of a secret', function () {
  this.timeout(60_000);
  let bench: StartBench;
  let pod: Sandbox;
  let name: string;

  before(async () => {
    bench = await StartBench.open();
    pod = await bench.startPod();
    name = pod.vmName;
    await bench.define({ uuid: pod.vmUuid, name }, { KUBEVIRT_IO_SECRET: pod.secret });
  });
  after(() => bench.scratch.close());

  /** Files of libvirt with the secret, below `etc`, `lib`, `cache`, `log` and `run`. */
  const list = (): readonly string[] => {
    const { directory } = bench.libvirt;
    return ['etc', 'lib', 'cache', 'log', 'run']
      .flatMap((part) => readdirSync(join(directory, part), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => readFileSync(path).includes(pod.secret ?? 'no secret'))
      .map((path) => relative(directory, path))
      .sort();
  };
  const defined = (): string => `etc/qemu/${name}.xml`;
  const log = (): string => `log/qemu/${name}.log`;

  it('of a domain that was defined: its XML', () => {
    expect(list()).to.deep.equal([defined()]);
  });

  it('of one that runs: its XML, twice, and the log', async () => {
    await bench.libvirt.virsh(['start', name]);
    expect(list()).to.deep.equal([defined(), log(), `run/qemu/${name}.xml`]);
  });

  it('a client that may only read gets it by dumpxml', async () => {
    const uri = `qemu+unix:///system?socket=${bench.libvirt.directory}/run/libvirt-sock-ro`;
    const { stdout } = await runCommand('virsh', ['--readonly', '--connect', uri, 'dumpxml', name]);
    expect(stdout).to.include(pod.secret);
  });

  it('of one that was saved: the image, too', async () => {
    await bench.libvirt.virsh(['managedsave', name]);
    expect(list()).to.deep.equal([defined(), `lib/qemu/save/${name}.save`, log()]);
    await bench.libvirt.virsh(['managedsave-remove', name]);
  });

  it('of one with a snapshot: its metadata, too', async () => {
    // Given its metadata: without a disk there is nothing else to it.
    const { stdout } = await bench.libvirt.virsh(['dumpxml', '--inactive', name]);
    const xml = join(bench.libvirt.directory, 'snapshot.xml');
    const state = '<state>shutoff</state><creationTime>1</creationTime>';
    writeFileSync(xml, `<domainsnapshot><name>first</name>${state}${stdout}</domainsnapshot>`);
    await bench.libvirt.virsh(['snapshot-create', name, xml, '--redefine']);
    expect(list()).to.deep.equal([defined(), `lib/qemu/snapshot/${name}/first.xml`, log()]);
    await bench.libvirt.virsh(['snapshot-delete', name, 'first', '--metadata']);
  });

  it('of one that was undefined: the log, and nothing else', async () => {
    await bench.libvirt.virsh(['undefine', name]);
    expect(list()).to.deep.equal([log()]);
  });
});
