import type { PeerCredentials } from '../host/libc.ts';
import type { Machine } from '../machines/machine.ts';
import { auditText, type AuditRecord } from './audit-record.ts';

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
}

/** The line about a signal that the API was asked to send to a VM. */
export function auditSignal({ launchId, signal, machine, peer, startedAt, error }: SignalCall): AuditRecord {
  const textOrNull = (text: string | null | undefined): AuditRecord['domain'] =>
    text === null || text === undefined ? null : auditText(text);
  return {
    event: 'signal',
    decision: error === undefined ? 'allowed' : 'refused',
    launchId: auditText(launchId),
    code: null,
    cause: textOrNull(error?.message),
    detail: null,
    checks: [],
    caller: { uid: peer.uid, gid: peer.gid, pid: peer.pid },
    vm:
      machine === undefined ? null : { uuid: auditText(machine.vm.uuid), name: textOrNull(machine.vm.name) },
    domain: null,
    pod:
      machine === undefined
        ? null
        : { uid: textOrNull(machine.podUid), container: textOrNull(machine.containerId) },
    mode: machine?.mode ?? null,
    qemuPid: machine?.qemu?.pid ?? null,
    signal,
    seconds: (performance.now() - startedAt) / 1000,
    suppressed: 0,
  };
}
