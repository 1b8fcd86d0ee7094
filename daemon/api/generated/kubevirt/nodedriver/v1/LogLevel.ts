// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

export const LogLevel = {
  LOG_LEVEL_UNSPECIFIED: 'LOG_LEVEL_UNSPECIFIED',
  LOG_LEVEL_ERROR: 'LOG_LEVEL_ERROR',
  LOG_LEVEL_WARN: 'LOG_LEVEL_WARN',
  LOG_LEVEL_INFO: 'LOG_LEVEL_INFO',
  LOG_LEVEL_DEBUG: 'LOG_LEVEL_DEBUG',
} as const;

export type LogLevel =
  | 'LOG_LEVEL_UNSPECIFIED'
  | 0
  | 'LOG_LEVEL_ERROR'
  | 1
  | 'LOG_LEVEL_WARN'
  | 2
  | 'LOG_LEVEL_INFO'
  | 3
  | 'LOG_LEVEL_DEBUG'
  | 4

export type LogLevel__Output = typeof LogLevel[keyof typeof LogLevel]
