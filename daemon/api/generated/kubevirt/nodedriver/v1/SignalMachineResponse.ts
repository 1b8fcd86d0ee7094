// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto


export interface SignalMachineResponse {
}

export interface SignalMachineResponse__Output {
}
