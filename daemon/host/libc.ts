import { createFileCalls, type FileCalls } from './libc/file-calls.ts';
import { createKernelCalls, type KernelCalls } from './libc/kernel-calls.ts';
import { createProcessCalls, type ProcessCalls } from './libc/process-calls.ts';
import { createSocketCalls, type SocketCalls } from './libc/socket-calls.ts';
import { loadSystemLibrary } from './libc/system-library.ts';

export type { FileIdentity, FileStatus } from './libc/file-calls.ts';
export type { PeerCredentials } from './libc/socket-calls.ts';

/**
 * The system calls that Node has no word for. All are quick and none touches per-thread state (namespaces,
 * credentials): such things belong into the broker and the shim.
 *
 * Every function throws {@link SystemCallError} when the kernel says no.
 */
export interface Libc extends SocketCalls, ProcessCalls, FileCalls, KernelCalls {}

/** Loads the C library of the running process. Nothing is called before that. */
export function createLibc(): Libc {
  const library = loadSystemLibrary();
  return {
    ...createSocketCalls(library),
    ...createProcessCalls(library),
    ...createFileCalls(library),
    ...createKernelCalls(library),
  };
}
