import path from 'node:path';

import { makeClientConstructor } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

import { findPackageRoot } from '../package-root.ts';
import type { ProtoGrpcType } from './generated/node_driver.ts';
import { serviceDefinition } from './service-definition.ts';

/** The fully qualified name, as health checks and reflection use it. */
export const serviceName = 'kubevirt.nodedriver.v1.NodeDriverService';

export const protoFile = 'kubevirt/nodedriver/v1/node_driver.proto';

/** Our service's client, and its definition for a server. */
export type NodeDriverServiceConstructor = ProtoGrpcType['kubevirt']['nodedriver']['v1']['NodeDriverService'];

export function protoDirectory(): string {
  return path.join(findPackageRoot(), 'proto');
}

/** Reads `proto/` of the package. The options are those that the generated types were made with. */
export function loadApi(): NodeDriverServiceConstructor {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => path.join(protoDirectory(), target);
  const service = root.loadSync(protoFile).resolveAll().lookupService(serviceName);
  const definition = serviceDefinition(service, {
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  // The generator promises this type for this file; no guard could check it.
  return makeClientConstructor(definition, serviceName) as unknown as NodeDriverServiceConstructor;
}
