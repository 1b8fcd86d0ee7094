import fs from 'node:fs';

import { parseUsers, readHostFile, resolveUsers } from '../host/user-database.ts';
import type { ExaminedNode } from './examined-node.ts';
import type { Check } from './examination.ts';
import { newFinding, type Finding } from './finding.ts';
import { judgeLibvirt } from './judge-libvirt.ts';
import { describeLibvirt } from './look-at-emulators.ts';

const QEMU_CONF = '/etc/libvirt/qemu.conf';

/** The settings of each libvirt that runs, or of the one that would. */
export function lookAtLibvirts(node: ExaminedNode): readonly Check[] {
  return [{ name: 'libvirt', look: () => lookAtAll(node) }];
}

async function lookAtAll(node: ExaminedNode): Promise<readonly Finding[]> {
  const { root, config, libvirts } = node;
  const running = await libvirts.list();
  if (running.length === 0) {
    if (!fs.existsSync(root + QEMU_CONF))
      return [newFinding('skipped', `no libvirt runs on this node, and there is no ${QEMU_CONF}`)];
    return judge(node, 'no libvirt runs', fs.readFileSync(root + QEMU_CONF, 'utf8'), root + QEMU_CONF);
  }
  const findings = running.map(async (libvirt) => {
    const conf = await libvirts.readFile(libvirt, QEMU_CONF);
    return judge(
      node,
      describeLibvirt(libvirt),
      conf,
      `${config.proc}/${libvirt.identity.pid}/root${QEMU_CONF}`,
    );
  });
  return (await Promise.all(findings)).flat();
}

function judge(node: ExaminedNode, libvirt: string, conf: string | null, file: string): readonly Finding[] {
  const { root, config } = node;
  const users = parseUsers(readHostFile(root, '/etc/passwd'));
  const lists = [config.launchUsers, ...[...config.profiles.values()].map(({ launchUsers }) => launchUsers)];
  return judgeLibvirt({
    libvirt,
    conf,
    file,
    hasLsm:
      readHostFile(root, '/sys/module/apparmor/parameters/enabled').startsWith('Y') ||
      readHostFile(root, '/sys/fs/selinux/enforce') !== '',
    // libvirt takes a number behind "+" for one, whatever users there are.
    uidOf: (user) =>
      /^\+?\d+$/u.test(user) ? Number(user.replace('+', '')) : users.find(({ name }) => name === user)?.uid,
    launchUids: new Set(lists.flatMap((wanted) => [...resolveUsers(users, wanted).uids])),
  });
}
