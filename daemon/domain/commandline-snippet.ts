import { escapeXml } from './escape-xml.ts';

/** What a domain needs beside its `<emulator>`. */
export interface DomainEnvironment {
  readonly uuid: string;
  readonly name?: string | undefined;
  readonly secret?: string | undefined;
}

/** The variables of a domain, by name. */
export function environmentOf({ uuid, name, secret }: DomainEnvironment): Readonly<Record<string, string>> {
  return {
    KUBEVIRT_IO_VM_UUID: uuid,
    ...(name !== undefined && { KUBEVIRT_IO_VM_NAME: name }),
    ...(secret !== undefined && { KUBEVIRT_IO_SECRET: secret }),
  };
}

/** The `<qemu:commandline>` of a domain, whose root needs `xmlns:qemu`. */
export function commandlineSnippet(environment: DomainEnvironment): string {
  const lines = environmentLines(environment, 'qemu').map((line) => `  ${line}\n`);
  return `<qemu:commandline>\n${lines.join('')}</qemu:commandline>\n`;
}

/** @param prefix what stands for the namespace of QEMU in that document */
export function environmentLines(environment: DomainEnvironment, prefix: string): readonly string[] {
  return Object.entries(environmentOf(environment)).map(
    ([name, value]) => `<${prefix}:env name='${name}' value='${escapeXml(value)}'/>`,
  );
}
