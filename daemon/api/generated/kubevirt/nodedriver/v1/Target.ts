// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { Process as _kubevirt_nodedriver_v1_Process, Process__Output as _kubevirt_nodedriver_v1_Process__Output } from '../../../kubevirt/nodedriver/v1/Process.ts';
import type { VmIdentity as _kubevirt_nodedriver_v1_VmIdentity, VmIdentity__Output as _kubevirt_nodedriver_v1_VmIdentity__Output } from '../../../kubevirt/nodedriver/v1/VmIdentity.ts';
import type { Namespace as _kubevirt_nodedriver_v1_Namespace, Namespace__Output as _kubevirt_nodedriver_v1_Namespace__Output } from '../../../kubevirt/nodedriver/v1/Namespace.ts';
import type { CgroupMembership as _kubevirt_nodedriver_v1_CgroupMembership, CgroupMembership__Output as _kubevirt_nodedriver_v1_CgroupMembership__Output } from '../../../kubevirt/nodedriver/v1/CgroupMembership.ts';

export interface Target {
  'process'?: (_kubevirt_nodedriver_v1_Process | null);
  'vm'?: (_kubevirt_nodedriver_v1_VmIdentity | null);
  'podUid'?: (string);
  'containerId'?: (string);
  'containerInit'?: (_kubevirt_nodedriver_v1_Process | null);
  'namespaces'?: (_kubevirt_nodedriver_v1_Namespace)[];
  'cgroups'?: (_kubevirt_nodedriver_v1_CgroupMembership)[];
  'uid'?: (number);
  'gid'?: (number);
  'groups'?: (number)[];
}

export interface Target__Output {
  'process': (_kubevirt_nodedriver_v1_Process__Output | null);
  'vm': (_kubevirt_nodedriver_v1_VmIdentity__Output | null);
  'podUid': (string);
  'containerId': (string);
  'containerInit': (_kubevirt_nodedriver_v1_Process__Output | null);
  'namespaces': (_kubevirt_nodedriver_v1_Namespace__Output)[];
  'cgroups': (_kubevirt_nodedriver_v1_CgroupMembership__Output)[];
  'uid': (number);
  'gid': (number);
  'groups': (number)[];
}
