/** One system call as a filter sees it. */
export interface FilteredCall {
  readonly audit: number;
  readonly number: number;
  readonly args: readonly bigint[];
}

/** What a filter of system calls, as `seccomp(2)` takes it, returns for a call: the kernel's interpreter, in short. */
export function runBpf(program: Uint8Array, { audit, number, args }: FilteredCall): number {
  const data = Buffer.alloc(64);
  data.writeInt32LE(number | 0, 0);
  data.writeUInt32LE(audit, 4);
  for (const [index, argument] of args.entries()) data.writeBigUInt64LE(argument, 16 + 8 * index);
  const code = Buffer.from(program);
  let accumulator = 0;
  for (let at = 0; ;) {
    const operation = code.readUInt16LE(at * 8);
    const [jt, jf, k] = [
      code.readUInt8(at * 8 + 2),
      code.readUInt8(at * 8 + 3),
      code.readUInt32LE(at * 8 + 4),
    ];
    at += 1;
    if (operation === 0x06) return k;
    if (operation === 0x20) accumulator = data.readUInt32LE(k);
    else if (operation === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (operation === 0x05) at += k;
    else if (operation === 0x15) at += accumulator === k ? jt : jf;
    else if (operation === 0x25) at += accumulator > k ? jt : jf;
    else if (operation === 0x35) at += accumulator >= k ? jt : jf;
    else throw new Error(`Cannot run the operation 0x${operation.toString(16)}`);
  }
}
