import inspector from 'node:inspector';

import type { Libc } from './libc.ts';

/**
 * What the daemon, its broker and its shims need of root, by number: docs/security.md says what for. QEMU and whatever
 * reads in a pod get none of it.
 */
export const keptCapabilities: ReadonlyMap<string, number> = new Map([
  ['CAP_CHOWN', 0],
  ['CAP_DAC_OVERRIDE', 1],
  ['CAP_DAC_READ_SEARCH', 2],
  ['CAP_FOWNER', 3],
  ['CAP_KILL', 5],
  ['CAP_SETGID', 6],
  ['CAP_SETUID', 7],
  ['CAP_SETPCAP', 8],
  ['CAP_SYS_CHROOT', 18],
  ['CAP_SYS_PTRACE', 19],
  ['CAP_SYS_ADMIN', 21],
  ['CAP_SYS_NICE', 23],
  ['CAP_SYS_RESOURCE', 24],
]);

/** Built-in objects that everything inherits from. */
const prototypes: readonly object[] = [
  Object,
  Function,
  Array,
  String,
  Number,
  Boolean,
  Symbol,
  BigInt,
  Date,
  RegExp,
  Promise,
  Map,
  Set,
  WeakMap,
  WeakSet,
  Error,
  ArrayBuffer,
  DataView,
  Uint8Array,
  Buffer,
].map(({ prototype }) => prototype as object);

/**
 * Takes from this process what it does not need and others could use. Before anything else is done, since threads that
 * are there already keep what they have.
 */
export function hardenProcess(libc: Pick<Libc, 'forbidDumps' | 'keepCapabilities'>): void {
  process.umask(0o077);
  // Node opens its inspector on SIGUSR1, unless it was started with --disable-sigusr1 or somebody listens.
  process.on('SIGUSR1', () => undefined);
  inspector.close();
  libc.forbidDumps();
  libc.keepCapabilities([...keptCapabilities.values()].reduce((set, bit) => set | (1n << BigInt(bit)), 0n));
  closePrototypes();
}

/** Nothing that is parsed or merged can add to what all objects inherit. Not frozen: errors could not be given names. */
function closePrototypes(): void {
  Reflect.deleteProperty(Object.prototype, '__proto__');
  for (const prototype of prototypes) Object.preventExtensions(prototype);
}
