import fs from 'node:fs';

import type { Libc } from './libc.ts';

/**
 * Processes are only ever named by pidfds: a pid may be another process's by the time that it is used. There is no other
 * way, so a daemon that has none does not serve.
 */
export function requirePidfds(libc: Libc): void {
  try {
    const pidfd = libc.pidfdOpen(process.pid);
    try {
      libc.signal(pidfd, 0);
    } finally {
      fs.closeSync(pidfd);
    }
  } catch (error) {
    throw new Error(
      `Cannot pin processes: ${error instanceof Error ? error.message : String(error)}; run on Linux 5.3 or later, and ` +
        "let the seccomp profile of the daemon's container allow pidfd_open and pidfd_send_signal",
      { cause: error },
    );
  }
}
