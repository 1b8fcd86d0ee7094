// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { Target as _kubevirt_nodedriver_v1_Target, Target__Output as _kubevirt_nodedriver_v1_Target__Output } from '../../../kubevirt/nodedriver/v1/Target.ts';

export interface ResolveTargetResponse {
  'target'?: (_kubevirt_nodedriver_v1_Target | null);
}

export interface ResolveTargetResponse__Output {
  'target': (_kubevirt_nodedriver_v1_Target__Output | null);
}
