// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto


export interface VmIdentity {
  'uuid'?: (string);
  'name'?: (string);
}

export interface VmIdentity__Output {
  'uuid': (string);
  'name': (string);
}
