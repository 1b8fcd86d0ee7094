import {
  status,
  type MethodDefinition,
  type Server,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';

/** What is known of a method before its service is there. */
export interface LazyMethod {
  /** `/` service `/` method. */
  readonly path: string;
  readonly streams: 'none' | 'response' | 'both';
}

type AddTo = Pick<Server, 'addService'>;
type Call =
  | ServerUnaryCall<unknown, unknown>
  | ServerWritableStream<unknown, unknown>
  | ServerDuplexStream<unknown, unknown>;
type Answer = (error: { readonly code: status; readonly details: string }) => void;

interface RealMethod {
  readonly definition: MethodDefinition<unknown, unknown>;
  readonly handle: (call: Call, answer?: Answer) => void;
}

/**
 * Serves methods of a library that is loaded when somebody calls one of them: most nodes are never asked, and each start
 * of the daemon would take longer. Until then a message stays as it came.
 *
 * @param load adds what the library has to the server that it is given; where it throws, who calls hears that there is none
 * @param onError told each time of what it threw
 */
export function addLazily(
  server: AddTo,
  methods: readonly LazyMethod[],
  load: () => Promise<(server: AddTo) => void>,
  onError: (error: unknown) => void,
): void {
  let loaded: ReadonlyMap<string, RealMethod> = new Map();
  let loading: Promise<void> | undefined;
  const real = (path: string): RealMethod => {
    const method = loaded.get(path);
    if (method === undefined) throw new Error(`There is no method "${path}"`);
    return method;
  };
  const loadOnce = async (): Promise<void> => {
    try {
      await (loading ??= load().then((addTo) => {
        loaded = collect(addTo);
      }));
    } catch (error) {
      loading = undefined;
      throw error;
    }
  };
  const handle = async (path: string, call: Call, answer?: Answer): Promise<void> => {
    try {
      await loadOnce();
      const { definition, handle: handleReally } = real(path);
      if (call.cancelled) return;
      if ('request' in call) call.request = definition.requestDeserialize(call.request as Buffer);
      handleReally(call, answer);
    } catch (error) {
      onError(error);
      const failure = {
        code: status.UNAVAILABLE,
        details: 'Cannot answer that now; see the log of the daemon',
      };
      if (answer === undefined) call.emit('error', failure);
      else answer(failure);
    }
  };

  for (const { path, streams } of methods) {
    const definition: MethodDefinition<unknown, unknown> = {
      path,
      requestStream: streams === 'both',
      responseStream: streams !== 'none',
      requestSerialize: (value) => real(path).definition.requestSerialize(value),
      // Of a stream nothing is read before there is somebody to hear it, of other calls the request.
      requestDeserialize: (bytes) =>
        streams === 'both' ? real(path).definition.requestDeserialize(bytes) : bytes,
      responseSerialize: (value) => real(path).definition.responseSerialize(value),
      responseDeserialize: (bytes) => real(path).definition.responseDeserialize(bytes),
    };
    server.addService(
      { [path]: definition },
      { [path]: (call: Call, answer?: Answer) => void handle(path, call, answer) },
    );
  }
}

/** What the library would add to a server, by the path of the method. */
function collect(addTo: (server: AddTo) => void): ReadonlyMap<string, RealMethod> {
  const found = new Map<string, RealMethod>();
  addTo({
    addService: (service, implementation) => {
      for (const [name, definition] of Object.entries(service)) {
        const own = implementation[name] ?? implementation[definition.originalName ?? name];
        found.set(definition.path, { definition, handle: own as RealMethod['handle'] });
      }
    },
  });
  return found;
}
