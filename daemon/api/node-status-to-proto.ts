import type { FindingStatus } from '../doctor/finding.ts';
import type { NodeStatus } from './api-backend.ts';
import type { GetNodeStatusResponse } from './proto-types.ts';
import { toTimestamp } from './timestamp.ts';

const statusNames = {
  ok: 'NODE_CHECK_STATUS_OK',
  warning: 'NODE_CHECK_STATUS_WARNING',
  failure: 'NODE_CHECK_STATUS_FAILURE',
  skipped: 'NODE_CHECK_STATUS_SKIPPED',
} as const satisfies Record<FindingStatus, string>;

export function nodeStatusToProto({ startedAt, findings, ...build }: NodeStatus): GetNodeStatusResponse {
  return {
    version: build.version,
    commit: build.commit,
    nodeVersion: build.nodeVersion,
    startedAt: toTimestamp(startedAt),
    checks: findings.map(({ check, subject, status, message, command, remedy }) => ({
      check,
      subject,
      status: statusNames[status],
      message,
      command: command ?? '',
      remedy: remedy ?? '',
    })),
  };
}
