// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { VmIdentity as _kubevirt_nodedriver_v1_VmIdentity, VmIdentity__Output as _kubevirt_nodedriver_v1_VmIdentity__Output } from '../../../kubevirt/nodedriver/v1/VmIdentity.ts';

export interface ExplainLaunchRequest {
  'vm'?: (_kubevirt_nodedriver_v1_VmIdentity | null);
  'secret'?: (string);
  'emulator'?: (string);
  'domain'?: (_kubevirt_nodedriver_v1_VmIdentity | null);
}

export interface ExplainLaunchRequest__Output {
  'vm': (_kubevirt_nodedriver_v1_VmIdentity__Output | null);
  'secret': (string);
  'emulator': (string);
  'domain': (_kubevirt_nodedriver_v1_VmIdentity__Output | null);
}
