// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

export const NodeCheckStatus = {
  NODE_CHECK_STATUS_UNSPECIFIED: 'NODE_CHECK_STATUS_UNSPECIFIED',
  NODE_CHECK_STATUS_OK: 'NODE_CHECK_STATUS_OK',
  NODE_CHECK_STATUS_WARNING: 'NODE_CHECK_STATUS_WARNING',
  NODE_CHECK_STATUS_FAILURE: 'NODE_CHECK_STATUS_FAILURE',
  NODE_CHECK_STATUS_SKIPPED: 'NODE_CHECK_STATUS_SKIPPED',
} as const;

export type NodeCheckStatus =
  | 'NODE_CHECK_STATUS_UNSPECIFIED'
  | 0
  | 'NODE_CHECK_STATUS_OK'
  | 1
  | 'NODE_CHECK_STATUS_WARNING'
  | 2
  | 'NODE_CHECK_STATUS_FAILURE'
  | 3
  | 'NODE_CHECK_STATUS_SKIPPED'
  | 4

export type NodeCheckStatus__Output = typeof NodeCheckStatus[keyof typeof NodeCheckStatus]
