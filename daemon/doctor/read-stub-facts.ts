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

/** Reads it from the constants of a stub. @param content of the whole file */
export function readStubFacts(content: Buffer): StubFacts {
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
