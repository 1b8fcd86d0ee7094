import { readFileSync } from 'node:fs';

export interface QemuAccount {
  readonly uid: number;
  readonly gid: number;
}

/** The account that Debian's libvirt runs emulators as; its numbers are the same on every machine. */
export const qemuAccountName = 'libvirt-qemu';

function findEntry(file: string, name: string): readonly string[] | undefined {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([first]) => first === name);
}

/** The account by number, also where the package that adds it is not installed. */
export function findQemuAccount(): QemuAccount {
  const account = findEntry('/etc/passwd', qemuAccountName);
  return { uid: Number(account?.[2] ?? 64055), gid: Number(account?.[3] ?? 64055) };
}

/**
 * Files to put in the place of `/etc/passwd` and `/etc/group` for libvirt, which does not start without the account
 * that it was built for, whatever its configuration says; none where the machine has the account.
 */
export function listMissingAccounts(): readonly { readonly path: string; readonly text: string }[] {
  const { uid, gid } = findQemuAccount();
  const entries = [
    { path: '/etc/passwd', line: `${qemuAccountName}:x:${uid}:${gid}::/var/lib/libvirt:/usr/sbin/nologin\n` },
    { path: '/etc/group', line: `${qemuAccountName}:x:${gid}:\n` },
  ];
  return entries
    .filter(({ path }) => findEntry(path, qemuAccountName) === undefined)
    .map(({ path, line }) => ({ path, text: `${readFileSync(path, 'utf8')}${line}` }));
}
