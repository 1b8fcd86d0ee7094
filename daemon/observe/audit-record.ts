import type { RefusalCode } from '../errors.ts';
import type { LaunchStep } from '../machines/launch-step.ts';
import type { Target, VmIdentity } from '../target/target.ts';

const shortened = '…';

declare const isAuditText: unique symbol;

/**
 * Text that may stand in the audit log. Only {@link auditText} makes it, of text that is not secret: a `Secret`, or an
 * object around one, is not assignable to it.
 */
export type AuditText = string & { readonly [isAuditText]: true };

export type AuditValue =
  | AuditText
  | number
  | boolean
  | null
  | undefined
  | readonly AuditValue[]
  | { readonly [key: string]: AuditValue };

/** What is looked at before a launch is allowed, and when it is; in this order. */
export const auditChecks = [
  'caller',
  'limits',
  'request',
  'identity',
  'target',
  'secret',
  'kubernetes',
  'running',
  'plan',
  'started',
] as const;

export type AuditCheck = (typeof auditChecks)[number];

/**
 * `refused`: the caller or the pod did not meet it; `failed`: no verdict, by a fault of ours; `unavailable`: Kubernetes
 * could not be asked, and need not be.
 */
export interface AuditVerdict {
  readonly check: AuditCheck;
  readonly verdict: 'ok' | 'refused' | 'failed' | 'unavailable';
}

/** Who asked. */
export interface AuditCaller {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  /** Clock ticks since boot; unknown for a caller of the API, and not looked up for one that was too many. */
  readonly startTime?: number;
  /** Of the executable. */
  readonly device?: AuditText;
  readonly inode?: AuditText;
}

/** One line of the audit log. */
export interface AuditRecord {
  /** `outcome` follows on a launch that was allowed. */
  readonly event: 'launch' | 'outcome' | 'validate-secret' | 'signal';
  readonly decision: 'allowed' | 'refused';
  readonly launchId: AuditText | null;
  readonly code: RefusalCode | null;
  readonly cause: AuditText | null;
  /** More than the caller was told. */
  readonly detail: AuditText | null;
  readonly checks: readonly AuditVerdict[];
  readonly caller: AuditCaller | null;
  readonly vm: { readonly uuid: AuditText; readonly name: AuditText | null } | null;
  /** Name of libvirt's domain. */
  readonly domain: AuditText | null;
  readonly pod: { readonly uid: AuditText | null; readonly container: AuditText | null } | null;
  readonly mode: 'fork' | 'exec' | null;
  /** QEMU's, once it runs. */
  readonly qemuPid: number | null;
  /** That the API was asked to send. */
  readonly signal?: number;
  readonly seconds: number;
  /** How many of these seconds each step took; absent in lines that are about no launch. */
  readonly steps?: Readonly<Partial<Record<LaunchStep, number>>>;
  /** Lines of the same reason that were left out before this one. */
  readonly suppressed: number;
}

/** Text from anywhere, cut to a length that no line suffers from. */
export function auditText(text: string, longest = 256): AuditText {
  return (text.length <= longest ? text : text.slice(0, longest - 1) + shortened) as AuditText;
}

export function auditTextOrNull(text: string | null | undefined): AuditText | null {
  return text === null || text === undefined ? null : auditText(text);
}

export function auditVm(vm: VmIdentity | null | undefined): AuditRecord['vm'] {
  return vm === null || vm === undefined
    ? null
    : { uuid: auditText(vm.uuid), name: auditTextOrNull(vm.name) };
}

export function auditPod(pod: Pick<Target, 'podUid' | 'containerId'> | null | undefined): AuditRecord['pod'] {
  return pod === null || pod === undefined
    ? null
    : { uid: auditTextOrNull(pod.podUid), container: auditTextOrNull(pod.containerId) };
}
