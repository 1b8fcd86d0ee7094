// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto


export interface ListMachinesRequest {
}

export interface ListMachinesRequest__Output {
}
