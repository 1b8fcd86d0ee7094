import { Refusal } from '../errors.ts';
import type { PeerCredentials } from '../host/libc.ts';
import type { Target, VmIdentity } from '../target/target.ts';
import { auditPod, auditText, auditTextOrNull, auditVm, type AuditRecord } from './audit-record.ts';

export interface SecretCheck {
  readonly vm: VmIdentity;
  readonly peer: PeerCredentials;
  /** Milliseconds of the monotonic clock. */
  readonly startedAt: number;
  /** Of a secret that was good. */
  readonly target?: Pick<Target, 'podUid' | 'containerId'>;
  /** Why it was not. */
  readonly error?: unknown;
}

/** The line about a secret that was checked by the API. */
export function auditSecretCheck({ vm, peer, startedAt, target, error }: SecretCheck): AuditRecord {
  const refusal = error instanceof Refusal ? error : null;
  const isSecret = target !== undefined || refusal?.code.startsWith('secret-') === true;
  const verdict = target !== undefined ? 'ok' : refusal === null ? 'failed' : 'refused';
  return {
    event: 'validate-secret',
    decision: target === undefined ? 'refused' : 'allowed',
    launchId: null,
    code: target === undefined ? (refusal?.code ?? 'internal') : null,
    cause: refusal === null ? null : auditText(refusal.message),
    detail: auditTextOrNull(refusal?.detail),
    checks: refusal?.code.startsWith('kubernetes-')
      ? [
          { check: 'target', verdict: 'ok' },
          { check: 'kubernetes', verdict },
        ]
      : isSecret
        ? [
            { check: 'target', verdict: 'ok' },
            { check: 'secret', verdict },
          ]
        : [{ check: 'target', verdict }],
    caller: { uid: peer.uid, gid: peer.gid, pid: peer.pid },
    vm: auditVm(vm),
    domain: null,
    pod: auditPod(target),
    mode: null,
    qemuPid: null,
    seconds: (performance.now() - startedAt) / 1000,
    suppressed: 0,
  };
}
