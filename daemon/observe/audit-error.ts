/** A line of the audit log could not be written. */
export class AuditError extends Error {}
