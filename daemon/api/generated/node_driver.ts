import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { CgroupMembership as _kubevirt_nodedriver_v1_CgroupMembership, CgroupMembership__Output as _kubevirt_nodedriver_v1_CgroupMembership__Output } from './kubevirt/nodedriver/v1/CgroupMembership.ts';
import type { ExplainLaunchRequest as _kubevirt_nodedriver_v1_ExplainLaunchRequest, ExplainLaunchRequest__Output as _kubevirt_nodedriver_v1_ExplainLaunchRequest__Output } from './kubevirt/nodedriver/v1/ExplainLaunchRequest.ts';
import type { ExplainLaunchResponse as _kubevirt_nodedriver_v1_ExplainLaunchResponse, ExplainLaunchResponse__Output as _kubevirt_nodedriver_v1_ExplainLaunchResponse__Output } from './kubevirt/nodedriver/v1/ExplainLaunchResponse.ts';
import type { ExplainedCandidate as _kubevirt_nodedriver_v1_ExplainedCandidate, ExplainedCandidate__Output as _kubevirt_nodedriver_v1_ExplainedCandidate__Output } from './kubevirt/nodedriver/v1/ExplainedCandidate.ts';
import type { ExplainedStep as _kubevirt_nodedriver_v1_ExplainedStep, ExplainedStep__Output as _kubevirt_nodedriver_v1_ExplainedStep__Output } from './kubevirt/nodedriver/v1/ExplainedStep.ts';
import type { GetLogLevelRequest as _kubevirt_nodedriver_v1_GetLogLevelRequest, GetLogLevelRequest__Output as _kubevirt_nodedriver_v1_GetLogLevelRequest__Output } from './kubevirt/nodedriver/v1/GetLogLevelRequest.ts';
import type { GetLogLevelResponse as _kubevirt_nodedriver_v1_GetLogLevelResponse, GetLogLevelResponse__Output as _kubevirt_nodedriver_v1_GetLogLevelResponse__Output } from './kubevirt/nodedriver/v1/GetLogLevelResponse.ts';
import type { GetMachineRequest as _kubevirt_nodedriver_v1_GetMachineRequest, GetMachineRequest__Output as _kubevirt_nodedriver_v1_GetMachineRequest__Output } from './kubevirt/nodedriver/v1/GetMachineRequest.ts';
import type { GetMachineResponse as _kubevirt_nodedriver_v1_GetMachineResponse, GetMachineResponse__Output as _kubevirt_nodedriver_v1_GetMachineResponse__Output } from './kubevirt/nodedriver/v1/GetMachineResponse.ts';
import type { GetNodeStatusRequest as _kubevirt_nodedriver_v1_GetNodeStatusRequest, GetNodeStatusRequest__Output as _kubevirt_nodedriver_v1_GetNodeStatusRequest__Output } from './kubevirt/nodedriver/v1/GetNodeStatusRequest.ts';
import type { GetNodeStatusResponse as _kubevirt_nodedriver_v1_GetNodeStatusResponse, GetNodeStatusResponse__Output as _kubevirt_nodedriver_v1_GetNodeStatusResponse__Output } from './kubevirt/nodedriver/v1/GetNodeStatusResponse.ts';
import type { LaunchStepTime as _kubevirt_nodedriver_v1_LaunchStepTime, LaunchStepTime__Output as _kubevirt_nodedriver_v1_LaunchStepTime__Output } from './kubevirt/nodedriver/v1/LaunchStepTime.ts';
import type { ListMachinesRequest as _kubevirt_nodedriver_v1_ListMachinesRequest, ListMachinesRequest__Output as _kubevirt_nodedriver_v1_ListMachinesRequest__Output } from './kubevirt/nodedriver/v1/ListMachinesRequest.ts';
import type { ListMachinesResponse as _kubevirt_nodedriver_v1_ListMachinesResponse, ListMachinesResponse__Output as _kubevirt_nodedriver_v1_ListMachinesResponse__Output } from './kubevirt/nodedriver/v1/ListMachinesResponse.ts';
import type { Machine as _kubevirt_nodedriver_v1_Machine, Machine__Output as _kubevirt_nodedriver_v1_Machine__Output } from './kubevirt/nodedriver/v1/Machine.ts';
import type { MachineExit as _kubevirt_nodedriver_v1_MachineExit, MachineExit__Output as _kubevirt_nodedriver_v1_MachineExit__Output } from './kubevirt/nodedriver/v1/MachineExit.ts';
import type { Namespace as _kubevirt_nodedriver_v1_Namespace, Namespace__Output as _kubevirt_nodedriver_v1_Namespace__Output } from './kubevirt/nodedriver/v1/Namespace.ts';
import type { NodeCheck as _kubevirt_nodedriver_v1_NodeCheck, NodeCheck__Output as _kubevirt_nodedriver_v1_NodeCheck__Output } from './kubevirt/nodedriver/v1/NodeCheck.ts';
import type { NodeDriverServiceClient as _kubevirt_nodedriver_v1_NodeDriverServiceClient, NodeDriverServiceDefinition as _kubevirt_nodedriver_v1_NodeDriverServiceDefinition } from './kubevirt/nodedriver/v1/NodeDriverService.ts';
import type { Process as _kubevirt_nodedriver_v1_Process, Process__Output as _kubevirt_nodedriver_v1_Process__Output } from './kubevirt/nodedriver/v1/Process.ts';
import type { ResolveTargetRequest as _kubevirt_nodedriver_v1_ResolveTargetRequest, ResolveTargetRequest__Output as _kubevirt_nodedriver_v1_ResolveTargetRequest__Output } from './kubevirt/nodedriver/v1/ResolveTargetRequest.ts';
import type { ResolveTargetResponse as _kubevirt_nodedriver_v1_ResolveTargetResponse, ResolveTargetResponse__Output as _kubevirt_nodedriver_v1_ResolveTargetResponse__Output } from './kubevirt/nodedriver/v1/ResolveTargetResponse.ts';
import type { SetLogLevelRequest as _kubevirt_nodedriver_v1_SetLogLevelRequest, SetLogLevelRequest__Output as _kubevirt_nodedriver_v1_SetLogLevelRequest__Output } from './kubevirt/nodedriver/v1/SetLogLevelRequest.ts';
import type { SetLogLevelResponse as _kubevirt_nodedriver_v1_SetLogLevelResponse, SetLogLevelResponse__Output as _kubevirt_nodedriver_v1_SetLogLevelResponse__Output } from './kubevirt/nodedriver/v1/SetLogLevelResponse.ts';
import type { SignalMachineRequest as _kubevirt_nodedriver_v1_SignalMachineRequest, SignalMachineRequest__Output as _kubevirt_nodedriver_v1_SignalMachineRequest__Output } from './kubevirt/nodedriver/v1/SignalMachineRequest.ts';
import type { SignalMachineResponse as _kubevirt_nodedriver_v1_SignalMachineResponse, SignalMachineResponse__Output as _kubevirt_nodedriver_v1_SignalMachineResponse__Output } from './kubevirt/nodedriver/v1/SignalMachineResponse.ts';
import type { Target as _kubevirt_nodedriver_v1_Target, Target__Output as _kubevirt_nodedriver_v1_Target__Output } from './kubevirt/nodedriver/v1/Target.ts';
import type { ValidateSecretRequest as _kubevirt_nodedriver_v1_ValidateSecretRequest, ValidateSecretRequest__Output as _kubevirt_nodedriver_v1_ValidateSecretRequest__Output } from './kubevirt/nodedriver/v1/ValidateSecretRequest.ts';
import type { ValidateSecretResponse as _kubevirt_nodedriver_v1_ValidateSecretResponse, ValidateSecretResponse__Output as _kubevirt_nodedriver_v1_ValidateSecretResponse__Output } from './kubevirt/nodedriver/v1/ValidateSecretResponse.ts';
import type { VmIdentity as _kubevirt_nodedriver_v1_VmIdentity, VmIdentity__Output as _kubevirt_nodedriver_v1_VmIdentity__Output } from './kubevirt/nodedriver/v1/VmIdentity.ts';
import type { WatchMachinesRequest as _kubevirt_nodedriver_v1_WatchMachinesRequest, WatchMachinesRequest__Output as _kubevirt_nodedriver_v1_WatchMachinesRequest__Output } from './kubevirt/nodedriver/v1/WatchMachinesRequest.ts';
import type { WatchMachinesResponse as _kubevirt_nodedriver_v1_WatchMachinesResponse, WatchMachinesResponse__Output as _kubevirt_nodedriver_v1_WatchMachinesResponse__Output } from './kubevirt/nodedriver/v1/WatchMachinesResponse.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  google: {
    protobuf: {
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
  kubevirt: {
    nodedriver: {
      v1: {
        CgroupMembership: MessageTypeDefinition<_kubevirt_nodedriver_v1_CgroupMembership, _kubevirt_nodedriver_v1_CgroupMembership__Output>
        ExplainLaunchRequest: MessageTypeDefinition<_kubevirt_nodedriver_v1_ExplainLaunchRequest, _kubevirt_nodedriver_v1_ExplainLaunchRequest__Output>
        ExplainLaunchResponse: MessageTypeDefinition<_kubevirt_nodedriver_v1_ExplainLaunchResponse, _kubevirt_nodedriver_v1_ExplainLaunchResponse__Output>
        ExplainedCandidate: MessageTypeDefinition<_kubevirt_nodedriver_v1_ExplainedCandidate, _kubevirt_nodedriver_v1_ExplainedCandidate__Output>
        ExplainedStep: MessageTypeDefinition<_kubevirt_nodedriver_v1_ExplainedStep, _kubevirt_nodedriver_v1_ExplainedStep__Output>
        GetLogLevelRequest: MessageTypeDefinition<_kubevirt_nodedriver_v1_GetLogLevelRequest, _kubevirt_nodedriver_v1_GetLogLevelRequest__Output>
        GetLogLevelResponse: MessageTypeDefinition<_kubevirt_nodedriver_v1_GetLogLevelResponse, _kubevirt_nodedriver_v1_GetLogLevelResponse__Output>
        GetMachineRequest: MessageTypeDefinition<_kubevirt_nodedriver_v1_GetMachineRequest, _kubevirt_nodedriver_v1_GetMachineRequest__Output>
        GetMachineResponse: MessageTypeDefinition<_kubevirt_nodedriver_v1_GetMachineResponse, _kubevirt_nodedriver_v1_GetMachineResponse__Output>
        GetNodeStatusRequest: MessageTypeDefinition<_kubevirt_nodedriver_v1_GetNodeStatusRequest, _kubevirt_nodedriver_v1_GetNodeStatusRequest__Output>
        GetNodeStatusResponse: MessageTypeDefinition<_kubevirt_nodedriver_v1_GetNodeStatusResponse, _kubevirt_nodedriver_v1_GetNodeStatusResponse__Output>
        LaunchMode: EnumTypeDefinition
        LaunchStep: EnumTypeDefinition
        LaunchStepTime: MessageTypeDefinition<_kubevirt_nodedriver_v1_LaunchStepTime, _kubevirt_nodedriver_v1_LaunchStepTime__Output>
        ListMachinesRequest: MessageTypeDefinition<_kubevirt_nodedriver_v1_ListMachinesRequest, _kubevirt_nodedriver_v1_ListMachinesRequest__Output>
        ListMachinesResponse: MessageTypeDefinition<_kubevirt_nodedriver_v1_ListMachinesResponse, _kubevirt_nodedriver_v1_ListMachinesResponse__Output>
        LogLevel: EnumTypeDefinition
        Machine: MessageTypeDefinition<_kubevirt_nodedriver_v1_Machine, _kubevirt_nodedriver_v1_Machine__Output>
        MachineEventType: EnumTypeDefinition
        MachineExit: MessageTypeDefinition<_kubevirt_nodedriver_v1_MachineExit, _kubevirt_nodedriver_v1_MachineExit__Output>
        MachineExitReason: EnumTypeDefinition
        MachineState: EnumTypeDefinition
        Namespace: MessageTypeDefinition<_kubevirt_nodedriver_v1_Namespace, _kubevirt_nodedriver_v1_Namespace__Output>
        NamespaceKind: EnumTypeDefinition
        NodeCheck: MessageTypeDefinition<_kubevirt_nodedriver_v1_NodeCheck, _kubevirt_nodedriver_v1_NodeCheck__Output>
        NodeCheckStatus: EnumTypeDefinition
        NodeDriverService: SubtypeConstructor<typeof grpc.Client, _kubevirt_nodedriver_v1_NodeDriverServiceClient> & { service: _kubevirt_nodedriver_v1_NodeDriverServiceDefinition }
        Process: MessageTypeDefinition<_kubevirt_nodedriver_v1_Process, _kubevirt_nodedriver_v1_Process__Output>
        ResolveTargetRequest: MessageTypeDefinition<_kubevirt_nodedriver_v1_ResolveTargetRequest, _kubevirt_nodedriver_v1_ResolveTargetRequest__Output>
        ResolveTargetResponse: MessageTypeDefinition<_kubevirt_nodedriver_v1_ResolveTargetResponse, _kubevirt_nodedriver_v1_ResolveTargetResponse__Output>
        SetLogLevelRequest: MessageTypeDefinition<_kubevirt_nodedriver_v1_SetLogLevelRequest, _kubevirt_nodedriver_v1_SetLogLevelRequest__Output>
        SetLogLevelResponse: MessageTypeDefinition<_kubevirt_nodedriver_v1_SetLogLevelResponse, _kubevirt_nodedriver_v1_SetLogLevelResponse__Output>
        SignalMachineRequest: MessageTypeDefinition<_kubevirt_nodedriver_v1_SignalMachineRequest, _kubevirt_nodedriver_v1_SignalMachineRequest__Output>
        SignalMachineResponse: MessageTypeDefinition<_kubevirt_nodedriver_v1_SignalMachineResponse, _kubevirt_nodedriver_v1_SignalMachineResponse__Output>
        StepVerdict: EnumTypeDefinition
        Target: MessageTypeDefinition<_kubevirt_nodedriver_v1_Target, _kubevirt_nodedriver_v1_Target__Output>
        ValidateSecretRequest: MessageTypeDefinition<_kubevirt_nodedriver_v1_ValidateSecretRequest, _kubevirt_nodedriver_v1_ValidateSecretRequest__Output>
        ValidateSecretResponse: MessageTypeDefinition<_kubevirt_nodedriver_v1_ValidateSecretResponse, _kubevirt_nodedriver_v1_ValidateSecretResponse__Output>
        VmIdentity: MessageTypeDefinition<_kubevirt_nodedriver_v1_VmIdentity, _kubevirt_nodedriver_v1_VmIdentity__Output>
        WatchMachinesRequest: MessageTypeDefinition<_kubevirt_nodedriver_v1_WatchMachinesRequest, _kubevirt_nodedriver_v1_WatchMachinesRequest__Output>
        WatchMachinesResponse: MessageTypeDefinition<_kubevirt_nodedriver_v1_WatchMachinesResponse, _kubevirt_nodedriver_v1_WatchMachinesResponse__Output>
      }
    }
  }
}

