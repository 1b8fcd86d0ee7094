// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { MachineEventType as _kubevirt_nodedriver_v1_MachineEventType, MachineEventType__Output as _kubevirt_nodedriver_v1_MachineEventType__Output } from '../../../kubevirt/nodedriver/v1/MachineEventType.ts';
import type { Machine as _kubevirt_nodedriver_v1_Machine, Machine__Output as _kubevirt_nodedriver_v1_Machine__Output } from '../../../kubevirt/nodedriver/v1/Machine.ts';
import type { Long } from '@grpc/proto-loader';

export interface WatchMachinesResponse {
  'type'?: (_kubevirt_nodedriver_v1_MachineEventType);
  'revision'?: (number | string | Long);
  'machine'?: (_kubevirt_nodedriver_v1_Machine | null);
}

export interface WatchMachinesResponse__Output {
  'type': (_kubevirt_nodedriver_v1_MachineEventType__Output);
  'revision': (string);
  'machine': (_kubevirt_nodedriver_v1_Machine__Output | null);
}
