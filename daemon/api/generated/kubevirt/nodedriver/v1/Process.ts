// Original file: proto/kubevirt/nodedriver/v1/node_driver.proto

import type { Long } from '@grpc/proto-loader';

export interface Process {
  'pid'?: (number);
  'startTime'?: (number | string | Long);
}

export interface Process__Output {
  'pid': (number);
  'startTime': (string);
}
