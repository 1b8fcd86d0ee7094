import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the guest prints on its serial console once a second, followed by the text given to `buildGuest`. */
export const guestGreeting = "kubevirt-node-driver guest: booted over the pod's network";

/** The boot program, made to print `text` after its greeting: proof of where the guest got it from. */
export function buildGuest(text: string): Buffer {
  const program = readFileSync(join(import.meta.dirname, '../fixtures/build/guest.bin'));
  return Buffer.concat([program, Buffer.from(` ${text}\0`)]);
}
