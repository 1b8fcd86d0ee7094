import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { QemuAccount } from './qemu-account.ts';
import { listMissingAccounts } from './qemu-account.ts';
import type { SandboxMount } from './sandbox-spec.ts';

/** The directories compiled into libvirt, each with its private stand-in below the host's directory. */
export const libvirtDirectories = {
  etc: '/etc/libvirt',
  lib: '/var/lib/libvirt',
  cache: '/var/cache/libvirt',
  log: '/var/log/libvirt',
  run: '/run/libvirt',
} as const;

/** A container for libvirt, with what it needs of the driver. */
export interface LibvirtContainer {
  /** The emulators and the directory of the launch socket. */
  readonly mounts: readonly SandboxMount[];
  /** It shares the node's PID namespace. */
  readonly hostPid: boolean;
  /** Beside those of every container. */
  readonly capabilities?: readonly string[];
  /** It has a user namespace of its own. */
  readonly ownUsers?: boolean;
}

export interface LibvirtSettings {
  /** Libvirt runs in a container of runc; by default in nothing but a mount namespace. */
  readonly container?: LibvirtContainer;
  /** How libvirt confines what it starts; by default not at all. */
  readonly securityDriver?: 'none' | 'apparmor';
  /** Lines for qemu.conf after the driver's. */
  readonly qemuConf?: readonly string[];
  /** Libvirt reaches the machine's D-Bus, and through it systemd and machined; by default it does not. */
  readonly dbus?: boolean;
}

/** Makes the private directories and writes the three configuration files. */
export function writeLibvirtFiles(
  directory: string,
  { uid, gid }: QemuAccount,
  settings: LibvirtSettings,
): void {
  for (const name of Object.keys(libvirtDirectories)) {
    mkdirSync(join(directory, name), { recursive: true, mode: 0o755 });
  }
  const write = (name: string, lines: readonly string[]): void => {
    writeFileSync(join(directory, 'etc', name), `${lines.join('\n')}\n`);
  };
  write('qemu.conf', [
    'namespaces = [ ]',
    'cgroup_controllers = [ ]',
    'remember_owner = 0',
    `security_driver = "${settings.securityDriver ?? 'none'}"`,
    'stdio_handler = "logd"',
    `user = "+${uid}"`,
    `group = "+${gid}"`,
    ...(settings.qemuConf ?? []),
  ]);
  write('libvirtd.conf', [
    'auth_unix_ro = "none"',
    'auth_unix_rw = "none"',
    'unix_sock_group = "root"',
    'unix_sock_rw_perms = "0700"',
    // Two libvirtd of one machine are two hosts to each other.
    `host_uuid = "${randomUUID()}"`,
    'log_level = 3',
    `log_outputs = "3:file:${libvirtDirectories.log}/libvirtd.log"`,
  ]);
  write('virtlogd.conf', ['log_level = 3']);
  for (const { path, text } of listMissingAccounts()) writeFileSync(join(directory, basename(path)), text);
  writeFileSync(join(directory, 'no-kvm'), '', { mode: 0o000 });
}

/**
 * A shell script that turns the mount namespace it runs in into the private libvirt's: its directories in place of the
 * machine's, its account where the machine has none, and by default no D-Bus, through which it would register its
 * domains with the machine's systemd.
 */
export function buildMountScript(directory: string, settings: LibvirtSettings): string {
  const binds = Object.entries(libvirtDirectories).map(
    ([name, target]) => `mount --bind '${directory}/${name}' '${target}'`,
  );
  const accounts = listMissingAccounts().map(
    ({ path }) => `mount --bind '${directory}/${basename(path)}' '${path}'`,
  );
  const hidden =
    settings.dbus === true ? [] : ['[ ! -d /run/dbus ] || mount -t tmpfs -o mode=755 none /run/dbus'];
  // libvirt probes with more capabilities than it starts with: a /dev/kvm that only the probe can open makes it throw
  // away what it found, and probe again, a dozen times for each domain.
  const kvm = `[ ! -e /dev/kvm ] || mount --bind '${directory}/no-kvm' /dev/kvm`;
  return ['set -e', ...binds, ...accounts, ...hidden, kvm, 'echo ready', 'exec sleep infinity'].join('\n');
}

/** The directories that must be there before something can be mounted, parents first. */
export function listMountPoints(): readonly string[] {
  return Object.values(libvirtDirectories).flatMap((path) => [dirname(path), path]);
}
