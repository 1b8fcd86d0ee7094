// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetMachineRequest as _kubevirt_nodedriver_v1_GetMachineRequest, GetMachineRequest__Output as _kubevirt_nodedriver_v1_GetMachineRequest__Output } from '../../../kubevirt/nodedriver/v1/GetMachineRequest.ts';
import type { GetMachineResponse as _kubevirt_nodedriver_v1_GetMachineResponse, GetMachineResponse__Output as _kubevirt_nodedriver_v1_GetMachineResponse__Output } from '../../../kubevirt/nodedriver/v1/GetMachineResponse.ts';
import type { ListMachinesRequest as _kubevirt_nodedriver_v1_ListMachinesRequest, ListMachinesRequest__Output as _kubevirt_nodedriver_v1_ListMachinesRequest__Output } from '../../../kubevirt/nodedriver/v1/ListMachinesRequest.ts';
import type { ListMachinesResponse as _kubevirt_nodedriver_v1_ListMachinesResponse, ListMachinesResponse__Output as _kubevirt_nodedriver_v1_ListMachinesResponse__Output } from '../../../kubevirt/nodedriver/v1/ListMachinesResponse.ts';
import type { ResolveTargetRequest as _kubevirt_nodedriver_v1_ResolveTargetRequest, ResolveTargetRequest__Output as _kubevirt_nodedriver_v1_ResolveTargetRequest__Output } from '../../../kubevirt/nodedriver/v1/ResolveTargetRequest.ts';
import type { ResolveTargetResponse as _kubevirt_nodedriver_v1_ResolveTargetResponse, ResolveTargetResponse__Output as _kubevirt_nodedriver_v1_ResolveTargetResponse__Output } from '../../../kubevirt/nodedriver/v1/ResolveTargetResponse.ts';
import type { ValidateSecretRequest as _kubevirt_nodedriver_v1_ValidateSecretRequest, ValidateSecretRequest__Output as _kubevirt_nodedriver_v1_ValidateSecretRequest__Output } from '../../../kubevirt/nodedriver/v1/ValidateSecretRequest.ts';
import type { ValidateSecretResponse as _kubevirt_nodedriver_v1_ValidateSecretResponse, ValidateSecretResponse__Output as _kubevirt_nodedriver_v1_ValidateSecretResponse__Output } from '../../../kubevirt/nodedriver/v1/ValidateSecretResponse.ts';

export interface NodeDriverServiceClient extends grpc.Client {
  GetMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  GetMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  GetMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  GetMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  getMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  getMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  getMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  getMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  
  ListMachines(argument: _kubevirt_nodedriver_v1_ListMachinesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ListMachinesResponse__Output>): grpc.ClientUnaryCall;
  ListMachines(argument: _kubevirt_nodedriver_v1_ListMachinesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ListMachinesResponse__Output>): grpc.ClientUnaryCall;
  ListMachines(argument: _kubevirt_nodedriver_v1_ListMachinesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ListMachinesResponse__Output>): grpc.ClientUnaryCall;
  ListMachines(argument: _kubevirt_nodedriver_v1_ListMachinesRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ListMachinesResponse__Output>): grpc.ClientUnaryCall;
  listMachines(argument: _kubevirt_nodedriver_v1_ListMachinesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ListMachinesResponse__Output>): grpc.ClientUnaryCall;
  listMachines(argument: _kubevirt_nodedriver_v1_ListMachinesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ListMachinesResponse__Output>): grpc.ClientUnaryCall;
  listMachines(argument: _kubevirt_nodedriver_v1_ListMachinesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ListMachinesResponse__Output>): grpc.ClientUnaryCall;
  listMachines(argument: _kubevirt_nodedriver_v1_ListMachinesRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ListMachinesResponse__Output>): grpc.ClientUnaryCall;
  
  ResolveTarget(argument: _kubevirt_nodedriver_v1_ResolveTargetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ResolveTargetResponse__Output>): grpc.ClientUnaryCall;
  ResolveTarget(argument: _kubevirt_nodedriver_v1_ResolveTargetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ResolveTargetResponse__Output>): grpc.ClientUnaryCall;
  ResolveTarget(argument: _kubevirt_nodedriver_v1_ResolveTargetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ResolveTargetResponse__Output>): grpc.ClientUnaryCall;
  ResolveTarget(argument: _kubevirt_nodedriver_v1_ResolveTargetRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ResolveTargetResponse__Output>): grpc.ClientUnaryCall;
  resolveTarget(argument: _kubevirt_nodedriver_v1_ResolveTargetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ResolveTargetResponse__Output>): grpc.ClientUnaryCall;
  resolveTarget(argument: _kubevirt_nodedriver_v1_ResolveTargetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ResolveTargetResponse__Output>): grpc.ClientUnaryCall;
  resolveTarget(argument: _kubevirt_nodedriver_v1_ResolveTargetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ResolveTargetResponse__Output>): grpc.ClientUnaryCall;
  resolveTarget(argument: _kubevirt_nodedriver_v1_ResolveTargetRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ResolveTargetResponse__Output>): grpc.ClientUnaryCall;
  
  ValidateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  ValidateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  ValidateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  ValidateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  validateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  validateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  validateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  validateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface NodeDriverServiceHandlers extends grpc.UntypedServiceImplementation {
  GetMachine: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_GetMachineRequest__Output, _kubevirt_nodedriver_v1_GetMachineResponse>;
  
  ListMachines: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_ListMachinesRequest__Output, _kubevirt_nodedriver_v1_ListMachinesResponse>;
  
  ResolveTarget: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_ResolveTargetRequest__Output, _kubevirt_nodedriver_v1_ResolveTargetResponse>;
  
  ValidateSecret: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_ValidateSecretRequest__Output, _kubevirt_nodedriver_v1_ValidateSecretResponse>;
  
}

export interface NodeDriverServiceDefinition extends grpc.ServiceDefinition {
  GetMachine: MethodDefinition<_kubevirt_nodedriver_v1_GetMachineRequest, _kubevirt_nodedriver_v1_GetMachineResponse, _kubevirt_nodedriver_v1_GetMachineRequest__Output, _kubevirt_nodedriver_v1_GetMachineResponse__Output>
  ListMachines: MethodDefinition<_kubevirt_nodedriver_v1_ListMachinesRequest, _kubevirt_nodedriver_v1_ListMachinesResponse, _kubevirt_nodedriver_v1_ListMachinesRequest__Output, _kubevirt_nodedriver_v1_ListMachinesResponse__Output>
  ResolveTarget: MethodDefinition<_kubevirt_nodedriver_v1_ResolveTargetRequest, _kubevirt_nodedriver_v1_ResolveTargetResponse, _kubevirt_nodedriver_v1_ResolveTargetRequest__Output, _kubevirt_nodedriver_v1_ResolveTargetResponse__Output>
  ValidateSecret: MethodDefinition<_kubevirt_nodedriver_v1_ValidateSecretRequest, _kubevirt_nodedriver_v1_ValidateSecretResponse, _kubevirt_nodedriver_v1_ValidateSecretRequest__Output, _kubevirt_nodedriver_v1_ValidateSecretResponse__Output>
}
