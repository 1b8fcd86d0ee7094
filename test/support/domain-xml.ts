export interface DomainOptions {
  readonly name: string;
  readonly uuid: string;
  /** Path of `<emulator>`. */
  readonly emulator: string;
  /** `<qemu:env>`s. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Path of the unix socket on which the serial console is offered. */
  readonly serialSocket: string;
  /** Where the guest's boot ROM fetches its program from, as the guest sees it. */
  readonly bootUrl?: string;
  /** Further `<qemu:arg>`s. */
  readonly qemuArguments?: readonly string[];
  /** Further elements in `<devices>`. */
  readonly devices?: string;
  /** Further elements in `<domain>`. */
  readonly elements?: string;
  /** MiB, by default 64. */
  readonly memory?: number;
  /** By default 1. */
  readonly vcpus?: number;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * A domain for libvirt with as little as possible in it. Its network card is QEMU's own: the guest reaches the loopback
 * interface of the network namespace that QEMU is in as 10.0.2.2.
 */
export function buildDomainXml(options: DomainOptions): string {
  const network =
    options.bootUrl === undefined
      ? []
      : [
          '-netdev',
          `user,id=pod,bootfile=${options.bootUrl.replace(/,/g, ',,')}`,
          '-device',
          'virtio-net-pci,netdev=pod,bootindex=1',
        ];
  const args = [...network, ...(options.qemuArguments ?? [])];
  const environment = Object.entries(options.environment ?? {});
  return `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>${escapeXml(options.name)}</name>
  <uuid>${escapeXml(options.uuid)}</uuid>
  <memory unit='MiB'>${options.memory ?? 64}</memory>
  <vcpu>${options.vcpus ?? 1}</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  ${options.elements ?? ''}
  <devices>
    <emulator>${escapeXml(options.emulator)}</emulator>
    <serial type='unix'>
      <source mode='bind' path='${escapeXml(options.serialSocket)}'/>
      <target port='0'/>
    </serial>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    ${options.devices ?? ''}
  </devices>
  <qemu:commandline>
${args.map((value) => `    <qemu:arg value='${escapeXml(value)}'/>`).join('\n')}
${environment
  .map(([name, value]) => `    <qemu:env name='${escapeXml(name)}' value='${escapeXml(value)}'/>`)
  .join('\n')}
  </qemu:commandline>
</domain>
`;
}
