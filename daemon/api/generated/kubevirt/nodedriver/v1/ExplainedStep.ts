// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { StepVerdict as _kubevirt_nodedriver_v1_StepVerdict, StepVerdict__Output as _kubevirt_nodedriver_v1_StepVerdict__Output } from '../../../kubevirt/nodedriver/v1/StepVerdict.ts';

export interface ExplainedStep {
  'step'?: (string);
  'verdict'?: (_kubevirt_nodedriver_v1_StepVerdict);
  'message'?: (string);
  'remedy'?: (string);
  'code'?: (string);
}

export interface ExplainedStep__Output {
  'step': (string);
  'verdict': (_kubevirt_nodedriver_v1_StepVerdict__Output);
  'message': (string);
  'remedy': (string);
  'code': (string);
}
