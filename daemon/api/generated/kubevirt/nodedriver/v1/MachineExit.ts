// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { MachineExitReason as _kubevirt_nodedriver_v1_MachineExitReason, MachineExitReason__Output as _kubevirt_nodedriver_v1_MachineExitReason__Output } from '../../../kubevirt/nodedriver/v1/MachineExitReason.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.ts';

export interface MachineExit {
  'exitStatus'?: (number);
  'signal'?: (number);
  'reason'?: (_kubevirt_nodedriver_v1_MachineExitReason);
  'at'?: (_google_protobuf_Timestamp | null);
  'outcome'?: "exitStatus"|"signal";
}

export interface MachineExit__Output {
  'exitStatus'?: (number);
  'signal'?: (number);
  'reason': (_kubevirt_nodedriver_v1_MachineExitReason__Output);
  'at': (_google_protobuf_Timestamp__Output | null);
  'outcome'?: "exitStatus"|"signal";
}
