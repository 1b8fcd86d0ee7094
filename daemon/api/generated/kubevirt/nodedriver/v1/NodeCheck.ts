// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { NodeCheckStatus as _kubevirt_nodedriver_v1_NodeCheckStatus, NodeCheckStatus__Output as _kubevirt_nodedriver_v1_NodeCheckStatus__Output } from '../../../kubevirt/nodedriver/v1/NodeCheckStatus.ts';

export interface NodeCheck {
  'check'?: (string);
  'subject'?: (string);
  'status'?: (_kubevirt_nodedriver_v1_NodeCheckStatus);
  'message'?: (string);
  'command'?: (string);
  'remedy'?: (string);
}

export interface NodeCheck__Output {
  'check': (string);
  'subject': (string);
  'status': (_kubevirt_nodedriver_v1_NodeCheckStatus__Output);
  'message': (string);
  'command': (string);
  'remedy': (string);
}
