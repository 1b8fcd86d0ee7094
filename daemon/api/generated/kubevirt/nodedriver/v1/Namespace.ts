// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { NamespaceKind as _kubevirt_nodedriver_v1_NamespaceKind, NamespaceKind__Output as _kubevirt_nodedriver_v1_NamespaceKind__Output } from '../../../kubevirt/nodedriver/v1/NamespaceKind.ts';
import type { Long } from '@grpc/proto-loader';

export interface Namespace {
  'kind'?: (_kubevirt_nodedriver_v1_NamespaceKind);
  'inode'?: (number | string | Long);
}

export interface Namespace__Output {
  'kind': (_kubevirt_nodedriver_v1_NamespaceKind__Output);
  'inode': (string);
}
