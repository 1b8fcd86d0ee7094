// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { VmIdentity as _kubevirt_nodedriver_v1_VmIdentity, VmIdentity__Output as _kubevirt_nodedriver_v1_VmIdentity__Output } from '../../../kubevirt/nodedriver/v1/VmIdentity.ts';
import type { MachineState as _kubevirt_nodedriver_v1_MachineState, MachineState__Output as _kubevirt_nodedriver_v1_MachineState__Output } from '../../../kubevirt/nodedriver/v1/MachineState.ts';
import type { Process as _kubevirt_nodedriver_v1_Process, Process__Output as _kubevirt_nodedriver_v1_Process__Output } from '../../../kubevirt/nodedriver/v1/Process.ts';
import type { Namespace as _kubevirt_nodedriver_v1_Namespace, Namespace__Output as _kubevirt_nodedriver_v1_Namespace__Output } from '../../../kubevirt/nodedriver/v1/Namespace.ts';
import type { CgroupMembership as _kubevirt_nodedriver_v1_CgroupMembership, CgroupMembership__Output as _kubevirt_nodedriver_v1_CgroupMembership__Output } from '../../../kubevirt/nodedriver/v1/CgroupMembership.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.ts';
import type { MachineExit as _kubevirt_nodedriver_v1_MachineExit, MachineExit__Output as _kubevirt_nodedriver_v1_MachineExit__Output } from '../../../kubevirt/nodedriver/v1/MachineExit.ts';
import type { LaunchMode as _kubevirt_nodedriver_v1_LaunchMode, LaunchMode__Output as _kubevirt_nodedriver_v1_LaunchMode__Output } from '../../../kubevirt/nodedriver/v1/LaunchMode.ts';
import type { LaunchStepTime as _kubevirt_nodedriver_v1_LaunchStepTime, LaunchStepTime__Output as _kubevirt_nodedriver_v1_LaunchStepTime__Output } from '../../../kubevirt/nodedriver/v1/LaunchStepTime.ts';

export interface Machine {
  'launchId'?: (string);
  'vm'?: (_kubevirt_nodedriver_v1_VmIdentity | null);
  'podUid'?: (string);
  'containerId'?: (string);
  'state'?: (_kubevirt_nodedriver_v1_MachineState);
  'emulator'?: (string);
  'stub'?: (_kubevirt_nodedriver_v1_Process | null);
  'shim'?: (_kubevirt_nodedriver_v1_Process | null);
  'qemu'?: (_kubevirt_nodedriver_v1_Process | null);
  'target'?: (_kubevirt_nodedriver_v1_Process | null);
  'namespaces'?: (_kubevirt_nodedriver_v1_Namespace)[];
  'cgroups'?: (_kubevirt_nodedriver_v1_CgroupMembership)[];
  'createdAt'?: (_google_protobuf_Timestamp | null);
  'exit'?: (_kubevirt_nodedriver_v1_MachineExit | null);
  'mode'?: (_kubevirt_nodedriver_v1_LaunchMode);
  'profile'?: (string);
  'steps'?: (_kubevirt_nodedriver_v1_LaunchStepTime)[];
}

export interface Machine__Output {
  'launchId': (string);
  'vm': (_kubevirt_nodedriver_v1_VmIdentity__Output | null);
  'podUid': (string);
  'containerId': (string);
  'state': (_kubevirt_nodedriver_v1_MachineState__Output);
  'emulator': (string);
  'stub': (_kubevirt_nodedriver_v1_Process__Output | null);
  'shim': (_kubevirt_nodedriver_v1_Process__Output | null);
  'qemu': (_kubevirt_nodedriver_v1_Process__Output | null);
  'target': (_kubevirt_nodedriver_v1_Process__Output | null);
  'namespaces': (_kubevirt_nodedriver_v1_Namespace__Output)[];
  'cgroups': (_kubevirt_nodedriver_v1_CgroupMembership__Output)[];
  'createdAt': (_google_protobuf_Timestamp__Output | null);
  'exit': (_kubevirt_nodedriver_v1_MachineExit__Output | null);
  'mode': (_kubevirt_nodedriver_v1_LaunchMode__Output);
  'profile': (string);
  'steps': (_kubevirt_nodedriver_v1_LaunchStepTime__Output)[];
}
