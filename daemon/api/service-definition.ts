import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { IConversionOptions, Service, Type } from 'protobufjs';

type Codec = Pick<
  MethodDefinition<object, object>,
  'requestSerialize' | 'requestDeserialize' | 'responseSerialize' | 'responseDeserialize'
>;

/**
 * A service as gRPC wants it: what @grpc/proto-loader makes of it, without the descriptors of all messages, which
 * reflection alone needs and which take as long as all the rest of it.
 *
 * @param service all of whose types are resolved
 */
export function serviceDefinition(service: Service, options: IConversionOptions): ServiceDefinition {
  const name = service.fullName.replace(/^\./u, '');
  return Object.fromEntries(
    service.methodsArray.map((method) => {
      const { requestStream, responseStream, resolvedRequestType, resolvedResponseType } = method;
      return [
        method.name,
        {
          path: `/${name}/${method.name}`,
          originalName: method.name.charAt(0).toLowerCase() + method.name.slice(1),
          requestStream: requestStream === true,
          responseStream: responseStream === true,
          ...codec(resolved(resolvedRequestType), resolved(resolvedResponseType), options),
        },
      ];
    }),
  );
}

function resolved(type: Type | null): Type {
  if (type === null) throw new TypeError('A service without types: call resolveAll() of its root first');
  return type;
}

function codec(request: Type, response: Type, options: IConversionOptions): Codec {
  const serialize =
    (type: Type) =>
    (value: object): Buffer =>
      Buffer.from(type.encode(type.fromObject(value)).finish());
  const deserialize =
    (type: Type) =>
    (bytes: Buffer): object =>
      type.toObject(type.decode(bytes), options);
  return {
    requestSerialize: serialize(request),
    requestDeserialize: deserialize(request),
    responseSerialize: serialize(response),
    responseDeserialize: deserialize(response),
  };
}
