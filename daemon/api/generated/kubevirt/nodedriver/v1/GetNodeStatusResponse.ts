// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.ts';
import type { NodeCheck as _kubevirt_nodedriver_v1_NodeCheck, NodeCheck__Output as _kubevirt_nodedriver_v1_NodeCheck__Output } from '../../../kubevirt/nodedriver/v1/NodeCheck.ts';

export interface GetNodeStatusResponse {
  'version'?: (string);
  'commit'?: (string);
  'nodeVersion'?: (string);
  'startedAt'?: (_google_protobuf_Timestamp | null);
  'checks'?: (_kubevirt_nodedriver_v1_NodeCheck)[];
}

export interface GetNodeStatusResponse__Output {
  'version': (string);
  'commit': (string);
  'nodeVersion': (string);
  'startedAt': (_google_protobuf_Timestamp__Output | null);
  'checks': (_kubevirt_nodedriver_v1_NodeCheck__Output)[];
}
