// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { Machine as _kubevirt_nodedriver_v1_Machine, Machine__Output as _kubevirt_nodedriver_v1_Machine__Output } from '../../../kubevirt/nodedriver/v1/Machine.ts';

export interface GetMachineResponse {
  'machine'?: (_kubevirt_nodedriver_v1_Machine | null);
}

export interface GetMachineResponse__Output {
  'machine': (_kubevirt_nodedriver_v1_Machine__Output | null);
}
