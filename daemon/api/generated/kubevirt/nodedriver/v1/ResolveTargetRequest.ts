// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { VmIdentity as _kubevirt_nodedriver_v1_VmIdentity, VmIdentity__Output as _kubevirt_nodedriver_v1_VmIdentity__Output } from '../../../kubevirt/nodedriver/v1/VmIdentity.ts';

export interface ResolveTargetRequest {
  'vm'?: (_kubevirt_nodedriver_v1_VmIdentity | null);
}

export interface ResolveTargetRequest__Output {
  'vm': (_kubevirt_nodedriver_v1_VmIdentity__Output | null);
}
