import { expect } from 'chai';

import { runCommandLine } from '../../../daemon/commands/command-line.ts';
import { bufferIo } from '../../support/buffer-io.ts';
import { matchSchema } from '../../support/match-schema.ts';

const uuid = '7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10';

describe('node-driver domain-xml', () => {
  const run = async (
    input: string,
    ...args: readonly string[]
  ): Promise<{ status: number; out: string; err: string }> => {
    const io = bufferIo(input);
    const status = await runCommandLine(['domain-xml', ...args], io);
    if (status === 0 && args.includes('--json')) matchSchema('domain-xml', io.written.out);
    return { status, ...io.written };
  };

  it('prints a domain', async () => {
    const args = [
      '--uuid',
      uuid,
      '--name',
      'ns/vm',
      '--secret-file',
      '-',
      '--memory',
      '2GiB',
      '--type',
      'qemu',
    ];
    const stub = '/opt/emulators/a/qemu-system-aarch64';
    expect(await run('s&cret\n', ...args, '--emulator', stub)).to.deep.equal({
      status: 0,
      err: '',
      out: `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>ns_vm</name>
  <uuid>${uuid}</uuid>
  <memory unit='MiB'>2048</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='aarch64' machine='virt'>hvm</type>
  </os>
  <devices>
    <emulator>${stub}</emulator>
  </devices>
  <qemu:commandline>
    <qemu:env name='KUBEVIRT_IO_VM_UUID' value='${uuid}'/>
    <qemu:env name='KUBEVIRT_IO_VM_NAME' value='ns/vm'/>
    <qemu:env name='KUBEVIRT_IO_SECRET' value='s&#38;cret'/>
  </qemu:commandline>
</domain>
`,
    });
  });

  it('--json prints one line, and says where there is no secret', async () => {
    const { status, out, err } = await run(
      '',
      '--uuid',
      uuid,
      '--name',
      'vm',
      '--emulator',
      '/stub',
      '--json',
    );
    expect(status).to.equal(0);
    expect(err).to.match(/^Warning: the domain has no secret, [^\n]*\n$/u);
    expect(out.split('\n')).to.have.length(2);
    const parsed: unknown = JSON.parse(out);
    expect(parsed).to.have.all.keys('xml', 'emulator', 'environment');
    expect(parsed).to.deep.include({
      emulator: '/stub',
      environment: { KUBEVIRT_IO_VM_UUID: uuid, KUBEVIRT_IO_VM_NAME: 'vm' },
    });
  });

  it('--patch adds to what it reads', async () => {
    const text = `<domain>\n  <name>a</name>\n  <uuid>${uuid}</uuid>\n  <on_crash>restart</on_crash>\n</domain>\n`;
    const { status, out } = await run(text, '--patch', '-', '--name', 'vm', '--emulator', '/stub');
    expect(status).to.equal(0);
    expect(out).to.include('  <on_crash>restart</on_crash>\n  <devices>\n    <emulator>/stub</emulator>\n');
    expect(out).to.include(`    <qemu:env name='KUBEVIRT_IO_VM_UUID' value='${uuid}'/>\n`);
  });

  const wrong: readonly [readonly string[], number, RegExp][] = [
    [[], 2, /--uuid is missing/u],
    [['--uuid', uuid], 2, /--name is missing/u],
    [['--uuid', 'a-1', '--name', 'a'], 2, /--uuid is "a-1"; libvirt wants 8-4-4-4-12/u],
    [['--uuid', uuid, '--name', 'a/b/c'], 1, /more than one "\/"/u],
    [['--uuid', uuid, '--name', 'a', '--memory', '7'], 2, /--memory is "7"; say a size such as/u],
    [['--uuid', uuid, '--name', 'a', '--vcpus', '0'], 2, /--vcpus is "0"/u],
    [['--uuid', uuid, '--name', 'a', '--type', 'xen'], 2, /--type is kvm or qemu, not "xen"/u],
    [['--uuid', uuid, '--name', 'a', '--emulator', 'qemu'], 2, /--emulator must be an absolute path/u],
    [['--uuid', uuid, '--name', 'a', '--secret-file', '/nowhere/s'], 1, /"\/nowhere\/s": ENOENT/u],
    [['--patch', '/nowhere/d.xml'], 1, /Cannot read the domain from "\/nowhere\/d\.xml": ENOENT/u],
    [['--patch', '-', '--memory', '1GiB'], 2, /not for --patch/u],
    [['--patch', '-', '--secret-file', '-'], 2, /only one of/u],
    [['--patch', '-'], 1, /Cannot use the domain of "-": it is not well-formed XML/u],
    [['--uuid', uuid, '--name', 'a', 'b'], 2, /Unexpected argument 'b'/u],
  ];
  for (const [args, status, message] of wrong)
    it(`ends ${args.join(' ') || 'nothing'} with ${status}`, async () => {
      const outcome = await run('<domain', ...args);
      expect(outcome).to.include({ status, out: '' });
      expect(outcome.err)
        .to.match(message)
        .and.match(/^Cannot [^\n]*\n$/u);
    });

  it('refuses a secret that no domain can carry', async () => {
    const outcome = await run('a\u0001b', '--uuid', uuid, '--name', 'a', '--secret-file', '-');
    expect(outcome).to.include({ status: 1, out: '' });
    expect(outcome.err).to.match(/control characters/u);
  });

  it('--help has an example', async () => {
    expect((await run('', '--help')).out).to.match(/^Usage: node-driver domain-xml [^]+\nExample:\n/u);
  });
});
