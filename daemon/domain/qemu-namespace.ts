/** What the prefix of `<qemu:commandline>` must stand for, or libvirt takes no notice of it. */
export const qemuNamespace = 'http://libvirt.org/schemas/domain/qemu/1.0';
