import { Metadata, status } from '@grpc/grpc-js';

import type { Refusal, RefusalCode } from '../errors.ts';

/** Trailer that carries the stable code of a refusal. */
export const refusalCodeKey = 'refusal-code';

/** A gRPC error as a handler hands it to its callback. */
export interface GrpcStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

const statusByCode: Readonly<Record<RefusalCode, status>> = {
  protocol: status.INVALID_ARGUMENT,
  busy: status.RESOURCE_EXHAUSTED,
  'caller-not-allowed': status.PERMISSION_DENIED,
  'caller-gone': status.FAILED_PRECONDITION,
  'no-identity': status.INVALID_ARGUMENT,
  'invalid-identity': status.INVALID_ARGUMENT,
  'target-not-found': status.NOT_FOUND,
  'target-ambiguous': status.FAILED_PRECONDITION,
  'target-unusable': status.FAILED_PRECONDITION,
  'target-gone': status.FAILED_PRECONDITION,
  'secret-not-given': status.INVALID_ARGUMENT,
  'secret-file': status.FAILED_PRECONDITION,
  'secret-mismatch': status.PERMISSION_DENIED,
  'secret-expired': status.PERMISSION_DENIED,
  'secret-ledger': status.RESOURCE_EXHAUSTED,
  'kubernetes-unknown-pod': status.FAILED_PRECONDITION,
  'kubernetes-pod-ending': status.FAILED_PRECONDITION,
  'kubernetes-pod-label': status.FAILED_PRECONDITION,
  'kubernetes-container': status.FAILED_PRECONDITION,
  'kubernetes-unavailable': status.UNAVAILABLE,
  'already-running': status.FAILED_PRECONDITION,
  'libvirt-home': status.FAILED_PRECONDITION,
  'audit-failed': status.UNAVAILABLE,
  'launch-failed': status.FAILED_PRECONDITION,
  internal: status.INTERNAL,
};

/** What a client of the API gets for a refusal. */
export function refusalStatus(refusal: Refusal): GrpcStatus {
  const metadata = new Metadata();
  metadata.set(refusalCodeKey, refusal.code);
  return { code: statusByCode[refusal.code], details: refusal.line, metadata };
}

/** What a client gets for an error that nobody expected: nothing of it, it may name anything. */
export const internalStatus: GrpcStatus = {
  code: status.INTERNAL,
  details: 'The daemon met an internal error; see its log on this node',
};
