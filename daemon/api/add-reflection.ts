import {
  status,
  type Server,
  type ServerDuplexStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';

const method = 'ServerReflectionInfo';
const services = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'] as const;

interface RealService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/**
 * Server reflection that is made when somebody asks for it first: its descriptors are a tenth of the time to ready, and
 * most nodes are never asked.
 *
 * @param loadDefinition what is shown; where it throws, who asks hears that there is none
 * @param onError told each time of what it threw
 */
export function addReflection(
  server: Pick<Server, 'addService'>,
  loadDefinition: () => PackageDefinition,
  onError: (error: unknown) => void,
): void {
  let made: ReadonlyMap<string, RealService> | undefined;
  const real = (path: string): { readonly method: ServiceDefinition[string]; readonly handle: Handle } => {
    made ??= makeReflection(loadDefinition());
    const { definition, implementation } = made.get(path) ?? {};
    const found = definition?.[method];
    const handle = implementation?.[method];
    if (found === undefined || handle === undefined) throw new Error(`Reflection has no "${path}"`);
    return { method: found, handle: handle as Handle };
  };

  for (const name of services) {
    const path = `/${name}/${method}`;
    server.addService(
      {
        [method]: {
          path,
          originalName: 'serverReflectionInfo',
          requestStream: true,
          responseStream: true,
          requestSerialize: (value: unknown) => real(path).method.requestSerialize(value),
          requestDeserialize: (bytes: Buffer) => real(path).method.requestDeserialize(bytes) as unknown,
          responseSerialize: (value: unknown) => real(path).method.responseSerialize(value),
          responseDeserialize: (bytes: Buffer) => real(path).method.responseDeserialize(bytes) as unknown,
        },
      },
      {
        [method]: (call: Call): void => {
          try {
            real(path).handle(call);
          } catch (error) {
            onError(error);
            call.emit('error', {
              code: status.UNAVAILABLE,
              details: 'Cannot show the API; see the log of the daemon',
            });
          }
        },
      },
    );
  }
}

type Call = ServerDuplexStream<unknown, unknown>;
type Handle = (call: Call) => void;

/** What the library would add to a server, by the path of its method. */
function makeReflection(definition: PackageDefinition): ReadonlyMap<string, RealService> {
  const found = new Map<string, RealService>();
  const addService: Server['addService'] = (service, implementation) => {
    for (const { path } of Object.values(service)) found.set(path, { definition: service, implementation });
  };
  new ReflectionService(definition).addToServer({ addService });
  return found;
}
