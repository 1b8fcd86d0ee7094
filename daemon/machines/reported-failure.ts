/** A launch that failed after it was allowed, of which the stub knows already: its shim told it, or it told us. */
export class ReportedFailure extends Error {}
