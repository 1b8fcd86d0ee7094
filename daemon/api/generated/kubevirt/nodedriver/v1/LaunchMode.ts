// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

export const LaunchMode = {
  LAUNCH_MODE_UNSPECIFIED: 'LAUNCH_MODE_UNSPECIFIED',
  LAUNCH_MODE_FORK: 'LAUNCH_MODE_FORK',
  LAUNCH_MODE_EXEC: 'LAUNCH_MODE_EXEC',
} as const;

export type LaunchMode =
  | 'LAUNCH_MODE_UNSPECIFIED'
  | 0
  | 'LAUNCH_MODE_FORK'
  | 1
  | 'LAUNCH_MODE_EXEC'
  | 2

export type LaunchMode__Output = typeof LaunchMode[keyof typeof LaunchMode]
