// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto


export interface GetNodeStatusRequest {
}

export interface GetNodeStatusRequest__Output {
}
