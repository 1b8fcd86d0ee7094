import { findQemuOption, parseQemuOptions } from './qemu-options.ts';

/** The guest's name in the value of a `-name` argument (`guest=vm,…`, or `vm,…` with the key left out). */
export function guestName(argument: string): string | null {
  const options = parseQemuOptions(argument);
  const [first] = options;
  return findQemuOption(options, 'guest') ?? (first?.key === null ? first.value : null);
}
