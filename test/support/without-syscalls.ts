import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { seccompMachine } from '../../daemon/seccomp/seccomp-machine.ts';

const fixture = join(import.meta.dirname, '../fixtures/build/without-syscalls');

/** What older kernels lack and filters forbid, and what there is another way for. */
export const replaceableSyscalls = ['openat2', 'clone3', 'close_range'] as const;

/** What to run a command through, as root, so that these system calls fail for it and all that it starts. */
export function withoutSyscalls(
  code: 'ENOSYS' | 'EPERM' | 'EAGAIN',
  names: readonly string[],
): readonly string[] {
  const { numbers } = seccompMachine().architecture;
  const list = names.map((name) => {
    const number = numbers.get(name);
    if (number === undefined) throw new Error(`Cannot forbid ${name}: it is no system call`);
    return number;
  });
  return [fixture, String(os.constants.errno[code]), list.join(','), '--'];
}

/** Lets the broker of this directory, and so its shims, run without these system calls. */
export function wrapBroker(
  directory: string,
  code: 'ENOSYS' | 'EPERM' | 'EAGAIN',
  names: readonly string[],
): void {
  const broker = join(directory, 'qemu-kube-broker');
  renameSync(broker, `${broker}.real`);
  const words = [...withoutSyscalls(code, names), `${broker}.real`].map((word) => `'${word}'`);
  writeFileSync(broker, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(broker, 0o755);
}
