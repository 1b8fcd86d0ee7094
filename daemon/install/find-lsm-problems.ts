import fs from 'node:fs';

import type { Problem } from './install-problem.ts';

/**
 * What AppArmor or SELinux would forbid. Policies are not installed with the stub: they are the node's.
 *
 * @param root put before a path of the node
 */
export function findLsmProblems(root: string): readonly Problem[] {
  return [...findAppArmorProblems(root), ...findSelinuxProblems(root)];
}

function findAppArmorProblems(root: string): readonly Problem[] {
  const profiles = read(`${root}/sys/kernel/security/apparmor/profiles`).split('\n');
  const confined = profiles.find((line) => /(?:libvirtd|virtqemud) \(enforce\)$/u.test(line));
  if (confined === undefined || profiles.some((line) => line.startsWith('qemu-kube '))) return [];
  return [
    {
      code: 'apparmor',
      cause: `AppArmor confines libvirt (${confined}), which may not start the stub`,
      remedy:
        'install the policy of deploy/apparmor (docs/lsm.md), then run on the node: ' +
        'apparmor_parser -r /etc/apparmor.d/qemu-kube /etc/apparmor.d/usr.sbin.libvirtd',
    },
  ];
}

function findSelinuxProblems(root: string): readonly Problem[] {
  if (read(`${root}/sys/fs/selinux/enforce`).trim() !== '1') return [];
  const stores = list(`${root}/var/lib/selinux`).concat(list(`${root}/etc/selinux`));
  if (stores.some((store) => list(`${store}/active/modules`).some(hasModule))) return [];
  return [
    {
      code: 'selinux',
      cause: 'SELinux is enforcing and has no module for the stub, which libvirt may not start then',
      remedy:
        'make the module of deploy/selinux (docs/lsm.md), then run on the node: semodule -i kubevirt_node_driver.pp && ' +
        'restorecon -R /usr/local/lib/kubevirt-node-driver /run/kubevirt-node-driver',
    },
  ];
}

/** Modules lie by their priority. */
function hasModule(priority: string): boolean {
  return fs.existsSync(`${priority}/kubevirt_node_driver`);
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function list(directory: string): string[] {
  try {
    return fs.readdirSync(directory).map((name) => `${directory}/${name}`);
  } catch {
    return [];
  }
}
