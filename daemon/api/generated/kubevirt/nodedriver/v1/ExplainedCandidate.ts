// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto


export interface ExplainedCandidate {
  'pid'?: (number);
  'podUid'?: (string);
  'containerId'?: (string);
  'reason'?: (string);
}

export interface ExplainedCandidate__Output {
  'pid': (number);
  'podUid': (string);
  'containerId': (string);
  'reason': (string);
}
