import { readFileSync } from 'node:fs';

export interface QemuAccount {
  readonly uid: number;
  readonly gid: number;
}

/** Debian's libvirt-qemu, by number also where the package that adds it is not installed. */
export function findQemuAccount(): QemuAccount {
  const account = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === 'libvirt-qemu');
  return { uid: Number(account?.[2] ?? 64055), gid: Number(account?.[3] ?? 64055) };
}
