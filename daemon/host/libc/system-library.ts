import koffi from 'koffi';

import { SystemCallError } from '../../errors.ts';

export type Call = (...args: readonly unknown[]) => number;

/** The C library of the running process, and what its functions leave in errno. */
export interface SystemLibrary {
  /** @param prototype as in C, e.g. `int close(int)`, with koffi's names of types */
  readonly find: (prototype: string) => Call;
  /** `sendmsg` with a message of one piece, which takes structures. */
  readonly sendmsg: (socket: number, message: Message, flags: number) => number;
  /**
   * Calls a function that answers with a negative number when it fails.
   *
   * @param action what it is for, as the error tells it: `open a pidfd of process 1`
   * @throws SystemCallError
   */
  readonly call: (action: string, name: string, func: Call, ...args: readonly unknown[]) => number;
}

/** `control`: the bytes of ancillary data; `null` where there are none. */
export interface Message {
  readonly bytes: Uint8Array;
  readonly control: Uint8Array | null;
}

/** Loads the C library of the running process. Nothing is called before that. */
export function loadSystemLibrary(): SystemLibrary {
  const library = koffi.load(null);
  const errnoNames = new Map<number, string>();
  // Of two names for one number the first: EAGAIN, not EWOULDBLOCK, as Node has it.
  for (const [name, value] of Object.entries(koffi.os.errno).sort(([a], [b]) => (a < b ? -1 : 1)))
    if (!errnoNames.has(value)) errnoNames.set(value, name);

  const iovec = koffi.struct({ base: 'void *', length: 'size_t' });
  const msghdr = koffi.struct({
    name: 'void *',
    nameLength: 'uint32_t',
    vector: koffi.pointer(iovec),
    vectorLength: 'size_t',
    control: 'void *',
    controlLength: 'size_t',
    flags: 'int',
  });
  const sendmsg: Call = library.func('sendmsg', 'intptr_t', ['int', koffi.pointer(msghdr), 'int']);

  return {
    find: (prototype) => library.func(prototype),

    sendmsg: (socket, { bytes, control }, flags) =>
      sendmsg(
        socket,
        {
          name: null,
          nameLength: 0,
          vector: { base: bytes, length: bytes.length },
          vectorLength: 1,
          control,
          controlLength: control?.length ?? 0,
          flags: 0,
        },
        flags,
      ),

    call: (action, name, func, ...args) => {
      const result = func(...args);
      // The thread's, and live: it is read in the expression right after the call.
      const errno = result < 0 ? koffi.errno() : 0;
      if (errno !== 0)
        throw new SystemCallError(name, errnoNames.get(errno) ?? `errno ${errno}`, errno, action);
      return result;
    },
  };
}
