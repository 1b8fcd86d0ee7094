import type { AuditRecord } from './audit-record.ts';
import { escapeToAscii } from './escape-unprintable.ts';

/**
 * One line of JSON in printable ASCII, so that nothing that a caller or a pod has named can end it, turn it around or
 * reach for the terminal of who reads it.
 *
 * @throws TypeError for an object that is no plain one: it may hold a secret
 */
export function encodeAuditRecord(record: AuditRecord, time: Date): string {
  return escapeToAscii(JSON.stringify({ time: time.toISOString(), ...record }, refuseObjects));
}

/** Before `toJSON()` has been asked, which `this` still shows. */
function refuseObjects(this: unknown, key: string, value: unknown): unknown {
  const held: unknown = key === '' ? value : Reflect.get(this as object, key);
  if (typeof held !== 'object' || held === null || Array.isArray(held)) return value;
  if (Object.getPrototypeOf(held) === Object.prototype) return value;
  throw new TypeError(`Cannot write ${held.constructor.name} to the audit log: it may hold what is secret`);
}
