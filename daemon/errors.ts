/**
 * Why a launch, a resolve or a validation was refused. The codes are stable: metrics, the audit log and the
 * gRPC status mapping use them, and docs/troubleshooting.md has an entry for each.
 */
export const refusalCodes = [
  'protocol',
  'busy',
  'caller-not-allowed',
  'caller-gone',
  'no-identity',
  'invalid-identity',
  'target-not-found',
  'target-ambiguous',
  'target-unusable',
  'target-gone',
  'secret-not-given',
  'secret-file',
  'secret-mismatch',
  'secret-expired',
  'secret-ledger',
  'kubernetes-unknown-pod',
  'kubernetes-pod-ending',
  'kubernetes-pod-label',
  'kubernetes-container',
  'kubernetes-unavailable',
  'already-running',
  'libvirt-home',
  'audit-failed',
  'launch-failed',
  'internal',
] as const;

export type RefusalCode = (typeof refusalCodes)[number];

export interface RefusalOptions extends ErrorOptions {
  /** See {@link Refusal.detail}. */
  readonly detail?: string;
  /** See {@link Refusal.podUid}. */
  readonly podUid?: string | null;
}

/** A decision against the caller: `message` names the cause, `remedy` what to do about it. Never holds a secret. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly remedy: string;
  /** More of the cause than the caller may know: for the node's log alone, never for stub or API. Never a secret. */
  readonly detail: string | null;
  /** The one pod that it is about, where that is known before the launch has a pod. */
  readonly podUid: string | null;

  constructor(
    code: RefusalCode,
    message: string,
    remedy: string,
    { detail, podUid, ...options }: RefusalOptions = {},
  ) {
    super(message, options);
    this.name = 'Refusal';
    this.code = code;
    this.remedy = remedy;
    this.detail = detail ?? null;
    this.podUid = podUid ?? null;
  }

  /** The same, said about one pod. */
  about(podUid: string | null): Refusal {
    const { code, message, remedy, detail, cause } = this;
    return new Refusal(code, message, remedy, { podUid, cause, ...(detail !== null && { detail }) });
  }

  /** The one line a person sees: in `virsh start`'s error, on the command line, in a gRPC status. */
  get line(): string {
    return `${this.message}; ${this.remedy}`;
  }
}

/** A failed system call: `code` is the errno's name, e.g. `ESRCH`. */
export class SystemCallError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, code: string, errno: number, action: string) {
    super(`Cannot ${action}: ${syscall} failed with ${code}`);
    this.name = 'SystemCallError';
    this.syscall = syscall;
    this.code = code;
    this.errno = errno;
  }
}

/** True for any error that carries the given errno name as `code`. */
export function hasCode(
  error: unknown,
  ...codes: readonly string[]
): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
