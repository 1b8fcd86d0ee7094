// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { LaunchStep as _kubevirt_nodedriver_v1_LaunchStep, LaunchStep__Output as _kubevirt_nodedriver_v1_LaunchStep__Output } from '../../../kubevirt/nodedriver/v1/LaunchStep.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../../google/protobuf/Duration.ts';

export interface LaunchStepTime {
  'step'?: (_kubevirt_nodedriver_v1_LaunchStep);
  'duration'?: (_google_protobuf_Duration | null);
}

export interface LaunchStepTime__Output {
  'step': (_kubevirt_nodedriver_v1_LaunchStep__Output);
  'duration': (_google_protobuf_Duration__Output | null);
}
