// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto


export interface WatchMachinesRequest {
}

export interface WatchMachinesRequest__Output {
}
