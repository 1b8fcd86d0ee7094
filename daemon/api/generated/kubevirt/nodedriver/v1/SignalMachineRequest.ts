// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto


export interface SignalMachineRequest {
  'launchId'?: (string);
  'signal'?: (number);
}

export interface SignalMachineRequest__Output {
  'launchId': (string);
  'signal': (number);
}
