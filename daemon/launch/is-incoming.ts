const options = ['-incoming', '--incoming'].map((option) => Buffer.from(option));

/** Whether QEMU is to wait for the state of a guest that runs elsewhere, or was saved, instead of starting one. */
export function isIncoming(argv: readonly Uint8Array[]): boolean {
  return argv.slice(1).some((argument) => options.some((option) => option.equals(argument)));
}
