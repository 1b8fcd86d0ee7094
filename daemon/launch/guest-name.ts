import { qemuOptions } from './qemu-options.ts';

/** libvirt writes two or three, the name first; what a stranger writes may be tens of thousands. */
const MOST_OPTIONS = 16;

/** The guest's name in the value of a `-name` argument (`guest=vm,…`, or `vm,…` with the key left out). */
export function guestName(argument: string): string | null {
  let unnamed: string | null = null;
  let count = 0;
  for (const { key, value } of qemuOptions(argument)) {
    if (key === 'guest') return value;
    if (count === 0 && key === null) unnamed = value;
    count += 1;
    if (count === MOST_OPTIONS) break;
  }
  return unnamed;
}
