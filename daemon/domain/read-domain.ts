import { quoteText } from '../quote-text.ts';
import { qemuNamespace } from './qemu-namespace.ts';
import { parseXmlSource, type XmlPart } from './xml-source.ts';

/** What a domain says that the driver goes by. */
export interface DomainFacts {
  readonly uuid: string;
  readonly name: string;
  /** `''` where there is none. */
  readonly emulator: string;
  readonly environment: ReadonlyMap<string, string>;
  /** What keeps it from being started as it is meant to be, each with what to do. Never a secret. */
  readonly problems: readonly DomainProblem[];
}

export interface DomainProblem {
  readonly message: string;
  readonly remedy: string;
}

/** @throws Error with what is wrong with the text: a clause about "it" */
export function readDomain(text: string): DomainFacts {
  const root = parseXmlSource(text);
  if (root.name !== 'domain')
    throw new Error(`it is no domain: its root element is ${quoteText(root.name)}; name the XML of a domain`);
  const textOf = (name: string): string => root.children.find((child) => child.name === name)?.text ?? '';
  const emulator =
    root.children.find(({ name }) => name === 'devices')?.children.find(({ name }) => name === 'emulator')
      ?.text ?? '';
  const commandlines = root.children.filter(({ localName }) => localName === 'commandline');
  const seen = commandlines.filter(({ namespace }) => namespace === qemuNamespace);
  const variables = seen
    .flatMap(({ children }) => children)
    .filter(({ namespace, localName }) => namespace === qemuNamespace && localName === 'env')
    .map(({ attributes }): [string, string] => [attributes['name'] ?? '', attributes['value'] ?? '']);
  const environment = new Map(variables);
  const uuid = textOf('uuid');
  return {
    uuid,
    name: textOf('name'),
    emulator,
    environment,
    problems: [
      ...unseenProblems(commandlines.filter((each) => !seen.includes(each))),
      ...variables.flatMap(([name]) => nameProblems(name)),
      ...uuidProblems(uuid, environment.get('KUBEVIRT_IO_VM_UUID')),
      ...(emulator === ''
        ? [{ message: 'it has no <emulator>, so libvirt chooses one', remedy: 'name the stub in <emulator>' }]
        : []),
      ...((environment.get('KUBEVIRT_IO_SECRET') ?? '') === ''
        ? [{ message: 'it carries no secret', remedy: "add <qemu:env name='KUBEVIRT_IO_SECRET' value='…'/>" }]
        : []),
    ],
  };
}

function unseenProblems(commandlines: readonly XmlPart[]): readonly DomainProblem[] {
  return commandlines.map(({ name, namespace }) => ({
    message:
      namespace === null
        ? `the prefix of <${name}> is not declared, so libvirt takes no notice of what is in it`
        : `<${name}> is of another namespace than QEMU's, so libvirt takes no notice of what is in it`,
    remedy: `write <domain … xmlns:qemu='${qemuNamespace}'>`,
  }));
}

function nameProblems(name: string): readonly DomainProblem[] {
  if (!name.includes('.')) return [];
  return [
    {
      message: `the variable ${quoteText(name)} has a dot in its name, which libvirt refuses`,
      remedy: `name it ${quoteText(name.replaceAll('.', '_').toUpperCase())}`,
    },
  ];
}

/** Not a fault by itself: the pod is found by the variable. */
function uuidProblems(own: string, variable: string | undefined): readonly DomainProblem[] {
  if (own === '' || variable === undefined || own.toLowerCase() === variable.toLowerCase()) return [];
  return [
    {
      message: `its uuid is ${quoteText(own)}, but KUBEVIRT_IO_VM_UUID is ${quoteText(variable)}`,
      remedy: 'make them the same, unless the domain is meant to have another uuid than the VM',
    },
  ];
}
