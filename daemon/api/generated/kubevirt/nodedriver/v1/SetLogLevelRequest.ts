// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { LogLevel as _kubevirt_nodedriver_v1_LogLevel, LogLevel__Output as _kubevirt_nodedriver_v1_LogLevel__Output } from '../../../kubevirt/nodedriver/v1/LogLevel.ts';

export interface SetLogLevelRequest {
  'level'?: (_kubevirt_nodedriver_v1_LogLevel);
}

export interface SetLogLevelRequest__Output {
  'level': (_kubevirt_nodedriver_v1_LogLevel__Output);
}
