// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { LogLevel as _kubevirt_nodedriver_v1_LogLevel, LogLevel__Output as _kubevirt_nodedriver_v1_LogLevel__Output } from '../../../kubevirt/nodedriver/v1/LogLevel.ts';

export interface SetLogLevelResponse {
  'previous'?: (_kubevirt_nodedriver_v1_LogLevel);
}

export interface SetLogLevelResponse__Output {
  'previous': (_kubevirt_nodedriver_v1_LogLevel__Output);
}
