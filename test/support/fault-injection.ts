import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, type ProcessIdentity } from './processes.ts';
import type { Scratch } from './scratch.ts';
import { waitUntil } from './wait-until.ts';

let count = 0;

/**
 * Makes system calls of a running process fail, or take long, as strace(1) has it: `write:error=ENOSPC`,
 * `wait4:error=EINTR:when=1+2`, `fsync:delay_enter=3s`. Children that it has from now on are included.
 *
 * @param path only calls about this file
 */
export async function withFault<T>(
  scratch: Scratch,
  target: ProcessIdentity,
  fault: string,
  action: () => Promise<T>,
  path?: string,
): Promise<T> {
  const log = join(scratch.directory, `strace-${++count}.log`);
  const [call = ''] = fault.split(':');
  const args = ['-f', '-p', String(target.pid), '-e', `trace=${call}`, '-e', `inject=${fault}`];
  if (path !== undefined) args.push('-P', path);
  const strace = await scratch.startBackground('strace', args, log);
  try {
    await waitUntil(
      `strace is attached: ${readFileSync(log, 'utf8')}`,
      () => (readFileSync(log, 'utf8').includes(`Process ${target.pid} attached`) ? true : undefined),
      5000,
    );
    return await action();
  } finally {
    // It lets go of what it traces.
    await endProcess(strace);
  }
}
