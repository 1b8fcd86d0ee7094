import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NodeDriver } from './node-driver.ts';
import { findQemuAccount } from './qemu-account.ts';
import type { Scratch } from './scratch.ts';

/** Where a stub looks for the daemon unless it is compiled for another place. */
const defaultDirectory = '/run/kubevirt-node-driver/launch';
const directory = join(import.meta.dirname, '../fixtures/releases');

/** The programs of an earlier release, as they were shipped. */
export interface Release {
  readonly version: string;
  readonly directory: string;
}

/** All that are kept, oldest first. */
export function listReleases(): readonly Release[] {
  const versions = readdirSync(directory).filter((name) => statSync(join(directory, name)).isDirectory());
  return versions
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .map((version) => ({ version, directory: join(directory, version) }));
}

/**
 * What to run a shipped stub through, as root: libvirt's QEMU user, in a mount namespace where the daemon's socket is at
 * the place that is compiled into it.
 */
export function throughDefaultSocket(scratch: Scratch, driver: NodeDriver): readonly string[] {
  for (const path of [dirname(defaultDirectory), defaultDirectory]) {
    scratch.claimDirectory(path);
    if (existsSync(path)) continue;
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o755);
  }
  const { uid, gid } = findQemuAccount();
  const script = `mount --bind "$1" ${defaultDirectory} && shift && exec "$@"`;
  return [
    ...[
      'unshare',
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      script,
      'sh',
      dirname(driver.launchSocket),
    ],
    ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'],
  ];
}
