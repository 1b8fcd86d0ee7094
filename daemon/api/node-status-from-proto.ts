import { findingStatuses, type NodeFinding } from '../doctor/finding.ts';
import { wordFromProto } from './from-proto.ts';
import type { NodeCheckOutput } from './proto-types.ts';

/** A check that a later daemon has more to say about is shown as a warning. */
export function nodeStatusFromProto(checks: readonly NodeCheckOutput[]): readonly NodeFinding[] {
  return checks.map(({ check, subject, status, message, command, remedy }) => ({
    check,
    subject,
    status: findingStatuses.find((each) => each === wordFromProto(status)) ?? 'warning',
    message,
    command: command || null,
    remedy: remedy || null,
  }));
}
