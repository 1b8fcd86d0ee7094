import { join } from 'node:path';
import type { FakeLaunchOptions } from './fake-launch.ts';
import { findQemuAccount } from './qemu-account.ts';

const reaper = join(import.meta.dirname, '../fixtures/build/reaper');

/**
 * As libvirt in a container: a PID namespace with a first process that reaps, and that stays when the stub has ended; then
 * the account of QEMU. All of it ends when the process that was started is killed.
 */
export function inLibvirtPidNamespace(): Pick<FakeLaunchOptions, 'through' | 'user'> {
  const { uid, gid } = findQemuAccount();
  return {
    through: [
      ...['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', reaper],
      ...['sh', '-c', 'sleep 60 > /dev/null 2>&1 & exec "$@"', 'sh'],
      ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'],
    ],
    user: { uid: 0, gid: 0 },
  };
}
