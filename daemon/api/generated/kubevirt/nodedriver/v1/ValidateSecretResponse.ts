// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.ts';

export interface ValidateSecretResponse {
  'podUid'?: (string);
  'containerId'?: (string);
  'validUntil'?: (_google_protobuf_Timestamp | null);
}

export interface ValidateSecretResponse__Output {
  'podUid': (string);
  'containerId': (string);
  'validUntil': (_google_protobuf_Timestamp__Output | null);
}
