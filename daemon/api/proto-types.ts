/** The generated types by short names: what may be left out to send, and `…Output` as it is received. */
export type { CgroupMembership } from './generated/kubevirt/nodedriver/v1/CgroupMembership.ts';
export type {
  Machine,
  Machine__Output as MachineOutput,
} from './generated/kubevirt/nodedriver/v1/Machine.ts';
export type {
  MachineExit,
  MachineExit__Output as MachineExitOutput,
} from './generated/kubevirt/nodedriver/v1/MachineExit.ts';
export type {
  LaunchStepTime,
  LaunchStepTime__Output as LaunchStepTimeOutput,
} from './generated/kubevirt/nodedriver/v1/LaunchStepTime.ts';
export type { Namespace } from './generated/kubevirt/nodedriver/v1/Namespace.ts';
export type { Namespace__Output as NamespaceOutput } from './generated/kubevirt/nodedriver/v1/Namespace.ts';
export type {
  Process,
  Process__Output as ProcessOutput,
} from './generated/kubevirt/nodedriver/v1/Process.ts';
export type { Target, Target__Output as TargetOutput } from './generated/kubevirt/nodedriver/v1/Target.ts';
export type {
  VmIdentity,
  VmIdentity__Output as VmIdentityOutput,
} from './generated/kubevirt/nodedriver/v1/VmIdentity.ts';
export type { ValidateSecretResponse__Output as ValidateSecretOutput } from './generated/kubevirt/nodedriver/v1/ValidateSecretResponse.ts';
export type {
  NodeDriverServiceClient,
  NodeDriverServiceHandlers,
} from './generated/kubevirt/nodedriver/v1/NodeDriverService.ts';
export type { ResolveTargetResponse__Output as ResolveTargetOutput } from './generated/kubevirt/nodedriver/v1/ResolveTargetResponse.ts';
export type { WatchMachinesRequest__Output as WatchMachinesRequestOutput } from './generated/kubevirt/nodedriver/v1/WatchMachinesRequest.ts';
export type {
  WatchMachinesResponse,
  WatchMachinesResponse__Output as WatchMachinesOutput,
} from './generated/kubevirt/nodedriver/v1/WatchMachinesResponse.ts';
export type { ExplainLaunchRequest } from './generated/kubevirt/nodedriver/v1/ExplainLaunchRequest.ts';
export type { ExplainLaunchRequest__Output as ExplainLaunchRequestOutput } from './generated/kubevirt/nodedriver/v1/ExplainLaunchRequest.ts';
export type {
  ExplainLaunchResponse,
  ExplainLaunchResponse__Output as ExplainLaunchOutput,
} from './generated/kubevirt/nodedriver/v1/ExplainLaunchResponse.ts';
export type {
  GetNodeStatusResponse,
  GetNodeStatusResponse__Output as GetNodeStatusOutput,
} from './generated/kubevirt/nodedriver/v1/GetNodeStatusResponse.ts';
export type {
  NodeCheck,
  NodeCheck__Output as NodeCheckOutput,
} from './generated/kubevirt/nodedriver/v1/NodeCheck.ts';
export type { SignalMachineResponse__Output as SignalMachineOutput } from './generated/kubevirt/nodedriver/v1/SignalMachineResponse.ts';
export type { GetLogLevelResponse__Output as GetLogLevelOutput } from './generated/kubevirt/nodedriver/v1/GetLogLevelResponse.ts';
export type { SetLogLevelResponse__Output as SetLogLevelOutput } from './generated/kubevirt/nodedriver/v1/SetLogLevelResponse.ts';
export type { LogLevel__Output as LogLevelName } from './generated/kubevirt/nodedriver/v1/LogLevel.ts';
export type { ListMachinesResponse__Output as ListMachinesOutput } from './generated/kubevirt/nodedriver/v1/ListMachinesResponse.ts';
export type { GetMachineResponse__Output as GetMachineOutput } from './generated/kubevirt/nodedriver/v1/GetMachineResponse.ts';
