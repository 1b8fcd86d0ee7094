import fs from 'node:fs/promises';

import { elfMachine } from '../install/elf-machine.ts';

/** What a file says of itself. */
export interface StubFacts {
  /** As of `uname -m`; null: no program. */
  readonly machine: string | null;
  /** Null: it is none of ours. */
  readonly program: 'qemu-kube' | 'qemu-kube-exec' | null;
  readonly version: string | null;
  /** Where it expects the daemon. */
  readonly launchSocket: string | null;
}

/** A stub is some hundred KiB; what is much longer is not read. */
const MAX_STUB = 8 * 1024 * 1024;

/** @param info of the file itself, not of a link to it */
export async function readStubFacts(
  file: string,
  info: { readonly size: number | bigint; isFile(): boolean },
): Promise<StubFacts> {
  const mayBeStub = info.isFile() && info.size <= MAX_STUB;
  return parseStubFacts(mayBeStub ? await fs.readFile(file) : Buffer.alloc(0));
}

/** Reads it from the constants of a stub. @param content of the whole file */
function parseStubFacts(content: Buffer): StubFacts {
  const text = content.toString('latin1');
  const launchSocket = /\0Cannot reach the node driver at ([^\0]+)\0/u.exec(text)?.[1] ?? null;
  const isOurs = launchSocket !== null && text.includes('KUBEVIRT_IO_VM_UUID');
  const program = text.includes('\0qemu-kube-exec\0') ? 'qemu-kube-exec' : 'qemu-kube';
  return {
    machine: elfMachine(content),
    program: isOurs ? program : null,
    version: isOurs ? (/\0 (\d+\.\d+\.\d+[\w.-]*)\n\0/u.exec(text)?.[1] ?? null) : null,
    launchSocket,
  };
}
