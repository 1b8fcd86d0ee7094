/** One instruction of classic BPF, `struct sock_filter` of the kernel. Jumps count the instructions to skip. */
export interface BpfInstruction {
  readonly code: number;
  readonly k: number;
  readonly jt?: number;
  readonly jf?: number;
}

/** The operations that filters of system calls need; they compare and jump without sign. */
export const bpfCodes = {
  /** Load a word of `struct seccomp_data`. */
  load: 0x20,
  and: 0x54,
  jump: 0x05,
  jumpIfEqual: 0x15,
  jumpIfGreater: 0x25,
  jumpIfGreaterOrEqual: 0x35,
  return: 0x06,
} as const;

/** `BPF_MAXINSNS`. */
export const MAX_BPF_INSTRUCTIONS = 4096;

/** As the kernel takes it: an array of `struct sock_filter`. */
export function encodeBpf(program: readonly BpfInstruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, { code, k, jt = 0, jf = 0 }] of program.entries()) {
    const at = index * 8;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(jt, at + 2);
    bytes.writeUInt8(jf, at + 3);
    bytes.writeUInt32LE(k, at + 4);
  }
  return bytes;
}
