// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { ExplainedStep as _kubevirt_nodedriver_v1_ExplainedStep, ExplainedStep__Output as _kubevirt_nodedriver_v1_ExplainedStep__Output } from '../../../kubevirt/nodedriver/v1/ExplainedStep.ts';
import type { ExplainedCandidate as _kubevirt_nodedriver_v1_ExplainedCandidate, ExplainedCandidate__Output as _kubevirt_nodedriver_v1_ExplainedCandidate__Output } from '../../../kubevirt/nodedriver/v1/ExplainedCandidate.ts';

export interface ExplainLaunchResponse {
  'steps'?: (_kubevirt_nodedriver_v1_ExplainedStep)[];
  'candidates'?: (_kubevirt_nodedriver_v1_ExplainedCandidate)[];
}

export interface ExplainLaunchResponse__Output {
  'steps': (_kubevirt_nodedriver_v1_ExplainedStep__Output)[];
  'candidates': (_kubevirt_nodedriver_v1_ExplainedCandidate__Output)[];
}
