// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto


export interface GetMachineRequest {
  'launchId'?: (string);
}

export interface GetMachineRequest__Output {
  'launchId': (string);
}
