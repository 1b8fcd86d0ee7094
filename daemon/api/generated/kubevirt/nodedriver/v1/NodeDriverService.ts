// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ExplainLaunchRequest as _kubevirt_nodedriver_v1_ExplainLaunchRequest, ExplainLaunchRequest__Output as _kubevirt_nodedriver_v1_ExplainLaunchRequest__Output } from '../../../kubevirt/nodedriver/v1/ExplainLaunchRequest.ts';
import type { ExplainLaunchResponse as _kubevirt_nodedriver_v1_ExplainLaunchResponse, ExplainLaunchResponse__Output as _kubevirt_nodedriver_v1_ExplainLaunchResponse__Output } from '../../../kubevirt/nodedriver/v1/ExplainLaunchResponse.ts';
import type { GetLogLevelRequest as _kubevirt_nodedriver_v1_GetLogLevelRequest, GetLogLevelRequest__Output as _kubevirt_nodedriver_v1_GetLogLevelRequest__Output } from '../../../kubevirt/nodedriver/v1/GetLogLevelRequest.ts';
import type { GetLogLevelResponse as _kubevirt_nodedriver_v1_GetLogLevelResponse, GetLogLevelResponse__Output as _kubevirt_nodedriver_v1_GetLogLevelResponse__Output } from '../../../kubevirt/nodedriver/v1/GetLogLevelResponse.ts';
import type { GetMachineRequest as _kubevirt_nodedriver_v1_GetMachineRequest, GetMachineRequest__Output as _kubevirt_nodedriver_v1_GetMachineRequest__Output } from '../../../kubevirt/nodedriver/v1/GetMachineRequest.ts';
import type { GetMachineResponse as _kubevirt_nodedriver_v1_GetMachineResponse, GetMachineResponse__Output as _kubevirt_nodedriver_v1_GetMachineResponse__Output } from '../../../kubevirt/nodedriver/v1/GetMachineResponse.ts';
import type { GetNodeStatusRequest as _kubevirt_nodedriver_v1_GetNodeStatusRequest, GetNodeStatusRequest__Output as _kubevirt_nodedriver_v1_GetNodeStatusRequest__Output } from '../../../kubevirt/nodedriver/v1/GetNodeStatusRequest.ts';
import type { GetNodeStatusResponse as _kubevirt_nodedriver_v1_GetNodeStatusResponse, GetNodeStatusResponse__Output as _kubevirt_nodedriver_v1_GetNodeStatusResponse__Output } from '../../../kubevirt/nodedriver/v1/GetNodeStatusResponse.ts';
import type { ListMachinesRequest as _kubevirt_nodedriver_v1_ListMachinesRequest, ListMachinesRequest__Output as _kubevirt_nodedriver_v1_ListMachinesRequest__Output } from '../../../kubevirt/nodedriver/v1/ListMachinesRequest.ts';
import type { ListMachinesResponse as _kubevirt_nodedriver_v1_ListMachinesResponse, ListMachinesResponse__Output as _kubevirt_nodedriver_v1_ListMachinesResponse__Output } from '../../../kubevirt/nodedriver/v1/ListMachinesResponse.ts';
import type { ResolveTargetRequest as _kubevirt_nodedriver_v1_ResolveTargetRequest, ResolveTargetRequest__Output as _kubevirt_nodedriver_v1_ResolveTargetRequest__Output } from '../../../kubevirt/nodedriver/v1/ResolveTargetRequest.ts';
import type { ResolveTargetResponse as _kubevirt_nodedriver_v1_ResolveTargetResponse, ResolveTargetResponse__Output as _kubevirt_nodedriver_v1_ResolveTargetResponse__Output } from '../../../kubevirt/nodedriver/v1/ResolveTargetResponse.ts';
import type { SetLogLevelRequest as _kubevirt_nodedriver_v1_SetLogLevelRequest, SetLogLevelRequest__Output as _kubevirt_nodedriver_v1_SetLogLevelRequest__Output } from '../../../kubevirt/nodedriver/v1/SetLogLevelRequest.ts';
import type { SetLogLevelResponse as _kubevirt_nodedriver_v1_SetLogLevelResponse, SetLogLevelResponse__Output as _kubevirt_nodedriver_v1_SetLogLevelResponse__Output } from '../../../kubevirt/nodedriver/v1/SetLogLevelResponse.ts';
import type { SignalMachineRequest as _kubevirt_nodedriver_v1_SignalMachineRequest, SignalMachineRequest__Output as _kubevirt_nodedriver_v1_SignalMachineRequest__Output } from '../../../kubevirt/nodedriver/v1/SignalMachineRequest.ts';
import type { SignalMachineResponse as _kubevirt_nodedriver_v1_SignalMachineResponse, SignalMachineResponse__Output as _kubevirt_nodedriver_v1_SignalMachineResponse__Output } from '../../../kubevirt/nodedriver/v1/SignalMachineResponse.ts';
import type { ValidateSecretRequest as _kubevirt_nodedriver_v1_ValidateSecretRequest, ValidateSecretRequest__Output as _kubevirt_nodedriver_v1_ValidateSecretRequest__Output } from '../../../kubevirt/nodedriver/v1/ValidateSecretRequest.ts';
import type { ValidateSecretResponse as _kubevirt_nodedriver_v1_ValidateSecretResponse, ValidateSecretResponse__Output as _kubevirt_nodedriver_v1_ValidateSecretResponse__Output } from '../../../kubevirt/nodedriver/v1/ValidateSecretResponse.ts';
import type { WatchMachinesRequest as _kubevirt_nodedriver_v1_WatchMachinesRequest, WatchMachinesRequest__Output as _kubevirt_nodedriver_v1_WatchMachinesRequest__Output } from '../../../kubevirt/nodedriver/v1/WatchMachinesRequest.ts';
import type { WatchMachinesResponse as _kubevirt_nodedriver_v1_WatchMachinesResponse, WatchMachinesResponse__Output as _kubevirt_nodedriver_v1_WatchMachinesResponse__Output } from '../../../kubevirt/nodedriver/v1/WatchMachinesResponse.ts';

export interface NodeDriverServiceClient extends grpc.Client {
  ExplainLaunch(argument: _kubevirt_nodedriver_v1_ExplainLaunchRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ExplainLaunchResponse__Output>): grpc.ClientUnaryCall;
  ExplainLaunch(argument: _kubevirt_nodedriver_v1_ExplainLaunchRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ExplainLaunchResponse__Output>): grpc.ClientUnaryCall;
  ExplainLaunch(argument: _kubevirt_nodedriver_v1_ExplainLaunchRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ExplainLaunchResponse__Output>): grpc.ClientUnaryCall;
  ExplainLaunch(argument: _kubevirt_nodedriver_v1_ExplainLaunchRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ExplainLaunchResponse__Output>): grpc.ClientUnaryCall;
  explainLaunch(argument: _kubevirt_nodedriver_v1_ExplainLaunchRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ExplainLaunchResponse__Output>): grpc.ClientUnaryCall;
  explainLaunch(argument: _kubevirt_nodedriver_v1_ExplainLaunchRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ExplainLaunchResponse__Output>): grpc.ClientUnaryCall;
  explainLaunch(argument: _kubevirt_nodedriver_v1_ExplainLaunchRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ExplainLaunchResponse__Output>): grpc.ClientUnaryCall;
  explainLaunch(argument: _kubevirt_nodedriver_v1_ExplainLaunchRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ExplainLaunchResponse__Output>): grpc.ClientUnaryCall;
  
  GetLogLevel(argument: _kubevirt_nodedriver_v1_GetLogLevelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  GetLogLevel(argument: _kubevirt_nodedriver_v1_GetLogLevelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  GetLogLevel(argument: _kubevirt_nodedriver_v1_GetLogLevelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  GetLogLevel(argument: _kubevirt_nodedriver_v1_GetLogLevelRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  getLogLevel(argument: _kubevirt_nodedriver_v1_GetLogLevelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  getLogLevel(argument: _kubevirt_nodedriver_v1_GetLogLevelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  getLogLevel(argument: _kubevirt_nodedriver_v1_GetLogLevelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  getLogLevel(argument: _kubevirt_nodedriver_v1_GetLogLevelRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  
  GetMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  GetMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  GetMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  GetMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  getMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  getMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  getMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  getMachine(argument: _kubevirt_nodedriver_v1_GetMachineRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetMachineResponse__Output>): grpc.ClientUnaryCall;
  
  GetNodeStatus(argument: _kubevirt_nodedriver_v1_GetNodeStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetNodeStatusResponse__Output>): grpc.ClientUnaryCall;
  GetNodeStatus(argument: _kubevirt_nodedriver_v1_GetNodeStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetNodeStatusResponse__Output>): grpc.ClientUnaryCall;
  GetNodeStatus(argument: _kubevirt_nodedriver_v1_GetNodeStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetNodeStatusResponse__Output>): grpc.ClientUnaryCall;
  GetNodeStatus(argument: _kubevirt_nodedriver_v1_GetNodeStatusRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetNodeStatusResponse__Output>): grpc.ClientUnaryCall;
  getNodeStatus(argument: _kubevirt_nodedriver_v1_GetNodeStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetNodeStatusResponse__Output>): grpc.ClientUnaryCall;
  getNodeStatus(argument: _kubevirt_nodedriver_v1_GetNodeStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetNodeStatusResponse__Output>): grpc.ClientUnaryCall;
  getNodeStatus(argument: _kubevirt_nodedriver_v1_GetNodeStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetNodeStatusResponse__Output>): grpc.ClientUnaryCall;
  getNodeStatus(argument: _kubevirt_nodedriver_v1_GetNodeStatusRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_GetNodeStatusResponse__Output>): grpc.ClientUnaryCall;
  
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
  
  SetLogLevel(argument: _kubevirt_nodedriver_v1_SetLogLevelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  SetLogLevel(argument: _kubevirt_nodedriver_v1_SetLogLevelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  SetLogLevel(argument: _kubevirt_nodedriver_v1_SetLogLevelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  SetLogLevel(argument: _kubevirt_nodedriver_v1_SetLogLevelRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  setLogLevel(argument: _kubevirt_nodedriver_v1_SetLogLevelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  setLogLevel(argument: _kubevirt_nodedriver_v1_SetLogLevelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  setLogLevel(argument: _kubevirt_nodedriver_v1_SetLogLevelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  setLogLevel(argument: _kubevirt_nodedriver_v1_SetLogLevelRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SetLogLevelResponse__Output>): grpc.ClientUnaryCall;
  
  SignalMachine(argument: _kubevirt_nodedriver_v1_SignalMachineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SignalMachineResponse__Output>): grpc.ClientUnaryCall;
  SignalMachine(argument: _kubevirt_nodedriver_v1_SignalMachineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SignalMachineResponse__Output>): grpc.ClientUnaryCall;
  SignalMachine(argument: _kubevirt_nodedriver_v1_SignalMachineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SignalMachineResponse__Output>): grpc.ClientUnaryCall;
  SignalMachine(argument: _kubevirt_nodedriver_v1_SignalMachineRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SignalMachineResponse__Output>): grpc.ClientUnaryCall;
  signalMachine(argument: _kubevirt_nodedriver_v1_SignalMachineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SignalMachineResponse__Output>): grpc.ClientUnaryCall;
  signalMachine(argument: _kubevirt_nodedriver_v1_SignalMachineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SignalMachineResponse__Output>): grpc.ClientUnaryCall;
  signalMachine(argument: _kubevirt_nodedriver_v1_SignalMachineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SignalMachineResponse__Output>): grpc.ClientUnaryCall;
  signalMachine(argument: _kubevirt_nodedriver_v1_SignalMachineRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_SignalMachineResponse__Output>): grpc.ClientUnaryCall;
  
  ValidateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  ValidateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  ValidateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  ValidateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  validateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  validateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  validateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  validateSecret(argument: _kubevirt_nodedriver_v1_ValidateSecretRequest, callback: grpc.requestCallback<_kubevirt_nodedriver_v1_ValidateSecretResponse__Output>): grpc.ClientUnaryCall;
  
  WatchMachines(argument: _kubevirt_nodedriver_v1_WatchMachinesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_kubevirt_nodedriver_v1_WatchMachinesResponse__Output>;
  WatchMachines(argument: _kubevirt_nodedriver_v1_WatchMachinesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_kubevirt_nodedriver_v1_WatchMachinesResponse__Output>;
  watchMachines(argument: _kubevirt_nodedriver_v1_WatchMachinesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_kubevirt_nodedriver_v1_WatchMachinesResponse__Output>;
  watchMachines(argument: _kubevirt_nodedriver_v1_WatchMachinesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_kubevirt_nodedriver_v1_WatchMachinesResponse__Output>;
  
}

export interface NodeDriverServiceHandlers extends grpc.UntypedServiceImplementation {
  ExplainLaunch: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_ExplainLaunchRequest__Output, _kubevirt_nodedriver_v1_ExplainLaunchResponse>;
  
  GetLogLevel: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_GetLogLevelRequest__Output, _kubevirt_nodedriver_v1_GetLogLevelResponse>;
  
  GetMachine: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_GetMachineRequest__Output, _kubevirt_nodedriver_v1_GetMachineResponse>;
  
  GetNodeStatus: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_GetNodeStatusRequest__Output, _kubevirt_nodedriver_v1_GetNodeStatusResponse>;
  
  ListMachines: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_ListMachinesRequest__Output, _kubevirt_nodedriver_v1_ListMachinesResponse>;
  
  ResolveTarget: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_ResolveTargetRequest__Output, _kubevirt_nodedriver_v1_ResolveTargetResponse>;
  
  SetLogLevel: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_SetLogLevelRequest__Output, _kubevirt_nodedriver_v1_SetLogLevelResponse>;
  
  SignalMachine: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_SignalMachineRequest__Output, _kubevirt_nodedriver_v1_SignalMachineResponse>;
  
  ValidateSecret: grpc.handleUnaryCall<_kubevirt_nodedriver_v1_ValidateSecretRequest__Output, _kubevirt_nodedriver_v1_ValidateSecretResponse>;
  
  WatchMachines: grpc.handleServerStreamingCall<_kubevirt_nodedriver_v1_WatchMachinesRequest__Output, _kubevirt_nodedriver_v1_WatchMachinesResponse>;
  
}

export interface NodeDriverServiceDefinition extends grpc.ServiceDefinition {
  ExplainLaunch: MethodDefinition<_kubevirt_nodedriver_v1_ExplainLaunchRequest, _kubevirt_nodedriver_v1_ExplainLaunchResponse, _kubevirt_nodedriver_v1_ExplainLaunchRequest__Output, _kubevirt_nodedriver_v1_ExplainLaunchResponse__Output>
  GetLogLevel: MethodDefinition<_kubevirt_nodedriver_v1_GetLogLevelRequest, _kubevirt_nodedriver_v1_GetLogLevelResponse, _kubevirt_nodedriver_v1_GetLogLevelRequest__Output, _kubevirt_nodedriver_v1_GetLogLevelResponse__Output>
  GetMachine: MethodDefinition<_kubevirt_nodedriver_v1_GetMachineRequest, _kubevirt_nodedriver_v1_GetMachineResponse, _kubevirt_nodedriver_v1_GetMachineRequest__Output, _kubevirt_nodedriver_v1_GetMachineResponse__Output>
  GetNodeStatus: MethodDefinition<_kubevirt_nodedriver_v1_GetNodeStatusRequest, _kubevirt_nodedriver_v1_GetNodeStatusResponse, _kubevirt_nodedriver_v1_GetNodeStatusRequest__Output, _kubevirt_nodedriver_v1_GetNodeStatusResponse__Output>
  ListMachines: MethodDefinition<_kubevirt_nodedriver_v1_ListMachinesRequest, _kubevirt_nodedriver_v1_ListMachinesResponse, _kubevirt_nodedriver_v1_ListMachinesRequest__Output, _kubevirt_nodedriver_v1_ListMachinesResponse__Output>
  ResolveTarget: MethodDefinition<_kubevirt_nodedriver_v1_ResolveTargetRequest, _kubevirt_nodedriver_v1_ResolveTargetResponse, _kubevirt_nodedriver_v1_ResolveTargetRequest__Output, _kubevirt_nodedriver_v1_ResolveTargetResponse__Output>
  SetLogLevel: MethodDefinition<_kubevirt_nodedriver_v1_SetLogLevelRequest, _kubevirt_nodedriver_v1_SetLogLevelResponse, _kubevirt_nodedriver_v1_SetLogLevelRequest__Output, _kubevirt_nodedriver_v1_SetLogLevelResponse__Output>
  SignalMachine: MethodDefinition<_kubevirt_nodedriver_v1_SignalMachineRequest, _kubevirt_nodedriver_v1_SignalMachineResponse, _kubevirt_nodedriver_v1_SignalMachineRequest__Output, _kubevirt_nodedriver_v1_SignalMachineResponse__Output>
  ValidateSecret: MethodDefinition<_kubevirt_nodedriver_v1_ValidateSecretRequest, _kubevirt_nodedriver_v1_ValidateSecretResponse, _kubevirt_nodedriver_v1_ValidateSecretRequest__Output, _kubevirt_nodedriver_v1_ValidateSecretResponse__Output>
  WatchMachines: MethodDefinition<_kubevirt_nodedriver_v1_WatchMachinesRequest, _kubevirt_nodedriver_v1_WatchMachinesResponse, _kubevirt_nodedriver_v1_WatchMachinesRequest__Output, _kubevirt_nodedriver_v1_WatchMachinesResponse__Output>
}
