const MAGIC = Buffer.from('\x7fELF', 'latin1');
const LITTLE_ENDIAN = 1;

/** `e_machine` of the machines that QEMU's hosts are, by the name that `uname -m` has for them. */
const machines: ReadonlyMap<number, string> = new Map([
  [22, 's390x'],
  [62, 'x86_64'],
  [183, 'aarch64'],
  [243, 'riscv64'],
]);

/**
 * The machine that a program is for.
 *
 * @param header the first 20 bytes of the file, or more
 * @returns a name as of `uname -m`, a number in words for others, null for what is no ELF file
 */
export function elfMachine(header: Buffer): string | null {
  if (header.length < 20 || !header.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const number = header[5] === LITTLE_ENDIAN ? header.readUInt16LE(18) : header.readUInt16BE(18);
  return machines.get(number) ?? `ELF machine ${number}`;
}
