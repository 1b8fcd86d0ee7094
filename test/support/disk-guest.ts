import { chownSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { findQemuAccount } from './qemu-account.ts';

/** Makes a disk whose guest says that it lives, and does what libvirt asks of a guest: see `test/fixtures/guest`. */
export function writeDiskGuest(path: string): void {
  copyFileSync(join(import.meta.dirname, '../fixtures/build/disk-guest.img'), path);
  const { uid, gid } = findQemuAccount();
  chownSync(path, uid, gid);
}
