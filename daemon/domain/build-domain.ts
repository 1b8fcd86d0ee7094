import { commandlineSnippet, type DomainEnvironment } from './commandline-snippet.ts';
import { escapeXml } from './escape-xml.ts';
import { qemuNamespace } from './qemu-namespace.ts';

export interface NewDomain extends DomainEnvironment {
  /** Of the VM: `NAME`, `NAMESPACE_NAME` or `NAMESPACE/NAME`. */
  readonly name: string;
  readonly emulator: string;
  readonly type: string;
  readonly architecture: string;
  readonly memoryMib: number;
  readonly vcpus: number;
}

/** Machine types that QEMU recommends. Where none is known, libvirt has a default. */
const machines: ReadonlyMap<string, string> = new Map([
  ['x86_64', 'q35'],
  ['aarch64', 'virt'],
  ['riscv64', 'virt'],
  ['s390x', 's390-ccw-virtio'],
  ['ppc64', 'pseries'],
]);

/** The least that libvirt defines, and the driver starts: without disks, networks and consoles. */
export function buildDomain(domain: NewDomain): string {
  const machine = machines.get(domain.architecture);
  const type = `arch='${escapeXml(domain.architecture)}'${machine === undefined ? '' : ` machine='${machine}'`}`;
  return `<domain type='${escapeXml(domain.type)}' xmlns:qemu='${qemuNamespace}'>
  <name>${escapeXml(domainNameOf(domain.name))}</name>
  <uuid>${escapeXml(domain.uuid)}</uuid>
  <memory unit='MiB'>${domain.memoryMib}</memory>
  <vcpu>${domain.vcpus}</vcpu>
  <os>
    <type ${type}>hvm</type>
  </os>
  <devices>
    <emulator>${escapeXml(domain.emulator)}</emulator>
  </devices>
${commandlineSnippet(domain).replace(/^(?=.)/gmu, '  ')}</domain>
`;
}

/** A domain's name names files. KubeVirt, too, makes it of namespace and name. */
function domainNameOf(vmName: string): string {
  return vmName.replace('/', '_');
}
