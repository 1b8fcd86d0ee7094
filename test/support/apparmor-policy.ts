import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NodeDriver } from './node-driver.ts';
import { runCommand } from './run-command.ts';
import type { Scratch } from './scratch.ts';

const shipped = join(import.meta.dirname, '../../deploy/apparmor');
/** Where libvirt's own profiles include additions from, by the names that they have below `deploy/apparmor/local`. */
const additions = ['usr.sbin.libvirtd', 'abstractions/libvirt-qemu'] as const;

/** The text of one of the shipped policies, for a driver whose files are elsewhere than usual. */
export function readAppArmorPolicy(
  name: string,
  driver?: Pick<NodeDriver, 'emulator' | 'runDirectory'>,
): string {
  const text = readFileSync(join(shipped, name), 'utf8');
  if (driver === undefined) return text;
  return text
    .replaceAll('/usr/local/lib/kubevirt-node-driver/emulators', join(driver.emulator, '../..'))
    .replaceAll('/run/kubevirt-node-driver', driver.runDirectory);
}

/** Has it enforced until the scratch closes. */
export async function loadAppArmorProfile(scratch: Scratch, path: string): Promise<void> {
  await runCommand('apparmor_parser', ['--replace', '--skip-cache', path]);
  scratch.defer(`unload ${path}`, async () => {
    await runCommand('apparmor_parser', ['--remove', path], { allowFailure: true });
  });
}

/**
 * Has AppArmor enforce the profile of the stub, and libvirt's own with the additions that the manual asks for. Undone
 * when the scratch closes.
 *
 * @param podProfile the profile that the pods have, in place of containerd's
 */
export async function enforceAppArmor(
  scratch: Scratch,
  driver: NodeDriver,
  podProfile: string,
): Promise<void> {
  for (const name of additions) {
    const path = join('/etc/apparmor.d/local', name);
    const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    scratch.defer(`restore ${path}`, () => {
      if (before === undefined) rmSync(path, { force: true });
      else writeFileSync(path, before);
    });
    mkdirSync(dirname(path), { recursive: true });
    const addition = readAppArmorPolicy(join('local', name), driver).replaceAll(
      'cri-containerd.apparmor.d',
      podProfile,
    );
    writeFileSync(path, `${before ?? ''}\n${addition}`);
  }
  const stub = join(scratch.directory, 'qemu-kube.apparmor');
  writeFileSync(stub, readAppArmorPolicy('qemu-kube', driver));
  await loadAppArmorProfile(scratch, stub);
  // Copies: apparmor_parser passes over, without a failure, what is below /etc/apparmor.d and disabled there.
  for (const name of ['usr.lib.libvirt.virt-aa-helper', 'usr.sbin.libvirtd']) {
    const copy = join(scratch.directory, `${name}.apparmor`);
    copyFileSync(join('/etc/apparmor.d', name), copy);
    await loadAppArmorProfile(scratch, copy);
  }
}

/** Lines of the kernel's log, from a number of them on, that tell what AppArmor has denied to a profile. */
export async function listDenials(profile: string, from: number): Promise<readonly string[]> {
  const lines = await readKernelLog();
  return lines
    .slice(from)
    .filter((line) => line.includes('apparmor="DENIED"') && line.includes(`profile="${profile}`));
}

export async function readKernelLog(): Promise<readonly string[]> {
  return (await runCommand('dmesg', ['--notime'])).stdout.split('\n');
}
