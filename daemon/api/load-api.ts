import path from 'node:path';

import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { protoPath as healthProtoPath } from 'grpc-health-check';

import { findPackageRoot } from '../package-root.ts';
import { mendDescriptors } from './mend-descriptors.ts';
import type { ProtoGrpcType } from './generated/node_driver.ts';

/** The fully qualified name, as health checks and reflection use it. */
export const serviceName = 'kubevirt.nodedriver.v1.NodeDriverService';

const protoFile = 'kubevirt/nodedriver/v1/node_driver.proto';

export interface LoadedApi {
  /** Our service and the standard health service: what reflection shows. */
  readonly definition: () => PackageDefinition;
  readonly service: ProtoGrpcType['kubevirt']['nodedriver']['v1']['NodeDriverService'];
}

/** Reads `proto/` of the package. The options are those that the generated types were made with. */
export function loadApi(): LoadedApi {
  const options = { longs: String, enums: String, defaults: true, oneofs: true };
  const includeDirs = [path.join(findPackageRoot(), 'proto')];
  const ours = loadSync(protoFile, { ...options, includeDirs });
  // The generator promises this type for this file; no guard could check it.
  const root = loadPackageDefinition(ours) as unknown as ProtoGrpcType;
  return {
    // Fields as they are called in the files.
    definition: () =>
      mendDescriptors({
        ...loadSync(healthProtoPath, { keepCase: true }),
        ...loadSync(protoFile, { keepCase: true, includeDirs }),
      }),
    service: root.kubevirt.nodedriver.v1.NodeDriverService,
  };
}
