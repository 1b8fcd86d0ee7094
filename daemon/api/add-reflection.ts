import type { Server } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';

import { addLazily } from './add-lazily.ts';

const versions = ['v1', 'v1alpha'] as const;

/**
 * Server reflection.
 *
 * @param loadDefinition what is shown; see {@link addLazily}
 */
export function addReflection(
  server: Pick<Server, 'addService'>,
  loadDefinition: () => Promise<PackageDefinition>,
  onError: (error: unknown) => void,
): void {
  addLazily(
    server,
    versions.map((version) => ({
      path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      streams: 'both',
    })),
    async () => {
      const { ReflectionService } = await import('@grpc/reflection');
      const reflection = new ReflectionService(await loadDefinition());
      return (real) => reflection.addToServer(real);
    },
    onError,
  );
}
