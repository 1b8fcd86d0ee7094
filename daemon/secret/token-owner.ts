import { createHash } from 'node:crypto';

/** Of each half, in hexadecimal digits: nobody finds a second text with the same 128 bits. */
const HALF = 32;

/** Whoever uses a token, a VM in a pod, as the ledger has it: first a hash of the pod, then one of both. */
export function tokenOwner(podUid: string, vmUuid: string): string {
  return digest(podUid) + digest(`${podUid}\0${vmUuid}`);
}

/** Whether a use was noted for this owner; by earlier releases with the whole hash of both, whose first half is today's second. */
export function isNotedFor(noted: string, owner: string): boolean {
  return noted === owner || noted.slice(0, HALF) === owner.slice(HALF);
}

/** Which pod an owner is in. */
export function podOfOwner(owner: string): string {
  return owner.slice(0, HALF);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, HALF);
}
