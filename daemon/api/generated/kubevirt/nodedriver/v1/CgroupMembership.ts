// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto


export interface CgroupMembership {
  'hierarchy'?: (string);
  'path'?: (string);
}

export interface CgroupMembership__Output {
  'hierarchy': (string);
  'path': (string);
}
