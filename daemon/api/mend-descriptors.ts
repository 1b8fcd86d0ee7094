import type { PackageDefinition } from '@grpc/proto-loader';
import type protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';

interface FieldDescriptor {
  name: string;
  typeName?: string;
}

interface MessageDescriptor {
  name: string;
  readonly field: readonly FieldDescriptor[];
  readonly nestedType: readonly MessageDescriptor[];
  readonly enumType: readonly { readonly name: string }[];
  readonly options?: { readonly mapEntry?: boolean };
}

interface FileDescriptor extends Pick<MessageDescriptor, 'enumType'> {
  readonly name: string;
  readonly package: string;
  readonly messageType: readonly MessageDescriptor[];
  dependency: readonly string[];
}

/**
 * Descriptors as `protoc` makes them. protobufjs leaves out which other files a file needs, and calls the hidden message
 * behind a field of type `map` otherwise: clients in C++, Python and Go refuse such files (grpc-node issue 2595).
 */
export function mendDescriptors(definition: PackageDefinition): PackageDefinition {
  const type: protobuf.Type = descriptor.FileDescriptorProto;
  const files = new Map<string, FileDescriptor>();
  for (const each of Object.values(definition))
    if ('fileDescriptorProtos' in each && Array.isArray(each.fileDescriptorProtos))
      for (const bytes of each.fileDescriptorProtos) {
        const file = type.decode(bytes) as unknown as FileDescriptor;
        if (!files.has(file.name)) files.set(file.name, file);
      }

  for (const { messageType } of files.values()) messageType.forEach(mendMapEntries);
  const homes = new Map([...files.values()].flatMap(listTypes));
  for (const file of files.values()) file.dependency = dependenciesOf(file, homes);

  const mended = [...files.values()].map((file) => Buffer.from(type.encode(file).finish()));
  return Object.fromEntries(
    Object.entries(definition).map(([name, each]) => [
      name,
      'fileDescriptorProtos' in each ? Object.assign({}, each, { fileDescriptorProtos: mended }) : each,
    ]),
  );
}

function mendMapEntries({ field, nestedType }: MessageDescriptor): void {
  for (const entry of nestedType) {
    mendMapEntries(entry);
    if (entry.options?.mapEntry !== true || entry.name.endsWith('Entry')) continue;
    const fields = field.filter(({ typeName }) => typeName === entry.name);
    entry.name = `${entry.name}Entry`;
    for (const each of fields) each.typeName = entry.name;
  }
}

/** The full name of each message and enum of a file, and the file. */
function listTypes({
  name,
  package: scope,
  messageType,
  enumType,
}: FileDescriptor): (readonly [string, string])[] {
  const list = (
    messages: readonly MessageDescriptor[],
    enums: FileDescriptor['enumType'],
    within: string,
  ): readonly string[] => [
    ...enums.map((each) => `${within}.${each.name}`),
    ...messages.flatMap((each) => {
      const own = `${within}.${each.name}`;
      return [own, ...list(each.nestedType, each.enumType, own)];
    }),
  ];
  return list(messageType, enumType, scope).map((each) => [each, name]);
}

function dependenciesOf(file: FileDescriptor, homes: ReadonlyMap<string, string>): readonly string[] {
  const found = new Set<string>();
  const visit = ({ name, field, nestedType }: MessageDescriptor, within: string): void => {
    const own = `${within}.${name}`;
    for (const { typeName } of field) {
      const home = typeName === undefined ? undefined : findHome(typeName, own, homes);
      if (home !== undefined && home !== file.name) found.add(home);
    }
    for (const each of nestedType) visit(each, own);
  };
  for (const each of file.messageType) visit(each, file.package);
  return [...found];
}

/** A name counts from the innermost scope outwards; one that begins with a dot is whole. */
function findHome(typeName: string, scope: string, homes: ReadonlyMap<string, string>): string | undefined {
  if (typeName.startsWith('.')) return homes.get(typeName.slice(1));
  for (let within = scope; within !== ''; within = within.slice(0, Math.max(0, within.lastIndexOf('.')))) {
    const home = homes.get(`${within}.${typeName}`);
    if (home !== undefined) return home;
  }
  return homes.get(typeName);
}
