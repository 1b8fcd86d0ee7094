/** What a domain needs beside its `<emulator>`. */
export interface DomainEnvironment {
  readonly uuid: string;
  readonly name?: string | undefined;
  readonly secret: string;
}

/** The variables of a domain, by name. */
export function environmentOf({ uuid, name, secret }: DomainEnvironment): Readonly<Record<string, string>> {
  return {
    KUBEVIRT_IO_VM_UUID: uuid,
    ...(name !== undefined && { KUBEVIRT_IO_VM_NAME: name }),
    KUBEVIRT_IO_SECRET: secret,
  };
}

/** The `<qemu:commandline>` of a domain, whose root needs `xmlns:qemu`. */
export function commandlineSnippet(environment: DomainEnvironment): string {
  const lines = Object.entries(environmentOf(environment)).map(
    ([name, value]) => `  <qemu:env name='${name}' value='${escapeXml(value)}'/>\n`,
  );
  return `<qemu:commandline>\n${lines.join('')}</qemu:commandline>\n`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
