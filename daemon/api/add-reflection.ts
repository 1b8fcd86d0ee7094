import { status, type MethodDefinition, type Server, type ServerDuplexStream } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';

const method = 'ServerReflectionInfo';
const services = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'] as const;

type Call = ServerDuplexStream<unknown, unknown>;

interface RealMethod {
  readonly definition: MethodDefinition<unknown, unknown>;
  readonly handle: (call: Call) => void;
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
  let made: ReadonlyMap<string, RealMethod> | undefined;
  const real = (path: string): RealMethod => {
    made ??= makeReflection(loadDefinition());
    const found = made.get(path);
    if (found === undefined) throw new Error(`Reflection has no "${path}"`);
    return found;
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
          requestSerialize: (value: unknown) => real(path).definition.requestSerialize(value),
          requestDeserialize: (bytes: Buffer) => real(path).definition.requestDeserialize(bytes),
          responseSerialize: (value: unknown) => real(path).definition.responseSerialize(value),
          responseDeserialize: (bytes: Buffer) => real(path).definition.responseDeserialize(bytes),
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

/** What the library would add to a server, by the path of the method. */
function makeReflection(definition: PackageDefinition): ReadonlyMap<string, RealMethod> {
  const found = new Map<string, RealMethod>();
  const addService: Server['addService'] = (service, implementation) => {
    for (const [name, each] of Object.entries(service))
      found.set(each.path, { definition: each, handle: implementation[name] as RealMethod['handle'] });
  };
  new ReflectionService(definition).addToServer({ addService });
  return found;
}
