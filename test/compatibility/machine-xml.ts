export interface MachineXmlOptions {
  readonly name: string;
  readonly uuid: string;
  readonly emulator: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Path of the disk that it boots from. */
  readonly disk: string;
}

/** Where a machine's serial console is, as libvirt sees it: in the directory that each private libvirt has for itself. */
export function serialPath(name: string): string {
  return `/var/lib/libvirt/qemu/${name}.serial`;
}

/** A domain with one of each device whose operations are tried. */
export function buildMachineXml({ name, uuid, emulator, environment, disk }: MachineXmlOptions): string {
  const variables = Object.entries(environment).map(
    ([key, value]) => `<qemu:env name='${key}' value='${value}'/>`,
  );
  return `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <maxMemory slots='2' unit='MiB'>512</maxMemory>
  <memory unit='MiB'>64</memory>
  <currentMemory unit='MiB'>64</currentMemory>
  <vcpu current='1'>2</vcpu>
  <iothreads>1</iothreads>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <cpu><numa><cell id='0' cpus='0-1' memory='64' unit='MiB'/></numa></cpu>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>${emulator}</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none' iothread='1'/>
      <source file='${disk}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='cdrom'>
      <target dev='hda' bus='ide'/>
      <readonly/>
    </disk>
    <controller type='usb' model='none'/>
    <serial type='unix'>
      <source mode='bind' path='${serialPath(name)}'/>
      <target port='0'/>
    </serial>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <graphics type='vnc'><listen type='socket'/></graphics>
    <video><model type='vga'/></video>
    <memballoon model='virtio'/>
  </devices>
  <qemu:commandline>${variables.join('')}</qemu:commandline>
</domain>
`;
}
