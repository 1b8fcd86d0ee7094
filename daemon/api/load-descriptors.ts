import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { protoPath as healthProtoPath } from 'grpc-health-check';

import { protoDirectory, protoFile } from './load-api.ts';
import { mendDescriptors } from './mend-descriptors.ts';

/** Our service and the standard health service, fields as they are called in the files: what reflection shows. */
export function loadDescriptors(): PackageDefinition {
  return mendDescriptors({
    ...loadSync(healthProtoPath, { keepCase: true }),
    ...loadSync(protoFile, { keepCase: true, includeDirs: [protoDirectory()] }),
  });
}
