// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto


export interface GetLogLevelRequest {
}

export interface GetLogLevelRequest__Output {
}
