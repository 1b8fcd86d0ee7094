import type { PeerCredentials } from '../host/libc.ts';
import type { Machine } from '../machines/machine.ts';
import { auditPod, auditText, auditTextOrNull, auditVm, type AuditRecord } from './audit-record.ts';

export interface SignalCall {
  /** As it was given. */
  readonly launchId: string;
  readonly signal: number;
  /** `undefined`: there is none with this id. */
  readonly machine: Machine | undefined;
  readonly peer: PeerCredentials;
  /** Milliseconds of the monotonic clock. */
  readonly startedAt: number;
  /** Why it was not sent. */
  readonly error?: Error;
  /** Lines about others like it that were left out before this one. */
  readonly suppressed?: number;
}

/** The line about a signal that the API was asked to send to a VM. */
export function auditSignal(call: SignalCall): AuditRecord {
  const { launchId, signal, machine, peer, startedAt, error, suppressed = 0 } = call;
  return {
    event: 'signal',
    decision: error === undefined ? 'allowed' : 'refused',
    launchId: auditText(launchId),
    code: null,
    cause: auditTextOrNull(error?.message),
    detail: null,
    checks: [],
    caller: { uid: peer.uid, gid: peer.gid, pid: peer.pid },
    vm: auditVm(machine?.vm),
    domain: null,
    pod: auditPod(machine),
    mode: machine?.mode ?? null,
    qemuPid: machine?.qemu?.pid ?? null,
    signal,
    seconds: (performance.now() - startedAt) / 1000,
    suppressed,
  };
}
