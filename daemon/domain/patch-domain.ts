import { quoteText } from '../quote-text.ts';
import { environmentLines, environmentOf, type DomainEnvironment } from './commandline-snippet.ts';
import { escapeXml } from './escape-xml.ts';
import { qemuNamespace } from './qemu-namespace.ts';
import { parseXmlSource, type XmlPart } from './xml-source.ts';

export interface DomainPatch extends Omit<DomainEnvironment, 'uuid'> {
  /** `undefined`: that of the domain. */
  readonly uuid?: string | undefined;
  readonly emulator: string;
}

export interface PatchedDomain {
  readonly xml: string;
  readonly environment: DomainEnvironment;
}

/** What stands between two places of the text is replaced. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Gives a domain our emulator and our variables. The rest of its text stays as it is.
 *
 * @throws Error with what is wrong with the text: a clause about "it"
 */
export function patchDomain(text: string, patch: DomainPatch): PatchedDomain {
  const root = parseXmlSource(text);
  if (root.name !== 'domain')
    throw new Error(`it is no domain: its root element is ${quoteText(root.name)}; name the XML of a domain`);
  const own = childOf(root, 'uuid')?.text;
  const uuid = patch.uuid ?? own;
  if (uuid === undefined) throw new Error('it has no <uuid>; say --uuid');
  if (own !== undefined && own.toLowerCase() !== uuid.toLowerCase())
    throw new Error(`its uuid is ${quoteText(own)}, not ${quoteText(uuid)}; correct one of them`);
  const environment = { uuid, name: patch.name, secret: patch.secret };
  const source = new Source(text, root);
  const edits = [
    ...declare(source),
    ...(own === undefined ? addUuid(source, uuid) : []),
    ...setEmulator(source, patch.emulator),
    ...setEnvironment(source, environment),
  ];
  return { xml: apply(text, edits), environment };
}

/** The text with what all edits want to know of it. */
class Source {
  readonly text: string;
  readonly root: XmlPart;
  /** What stands for the namespace of QEMU. */
  readonly prefix: string;
  /** Before each child of the root, from the end of the line before. */
  readonly indent: string;

  constructor(text: string, root: XmlPart) {
    this.text = text;
    this.root = root;
    const declared = Object.entries(root.attributes).find(
      ([name, uri]) => name.startsWith('xmlns:') && uri === qemuNamespace,
    );
    this.prefix = declared?.[0].slice('xmlns:'.length) ?? 'qemu';
    const before = text.slice(0, root.children[0]?.start ?? 0);
    this.indent = /\n[ \t]*$/u.exec(before)?.[0] ?? '\n  ';
  }

  /** Puts lines before the end of an element, one level deeper than that. */
  append(parent: XmlPart, indent: string, lines: readonly string[]): Edit {
    const deeper = `${indent}  `;
    const body = lines.map((line) => deeper + line).join('');
    const startTag = this.text.slice(parent.start, endOfStartTag(this.text, parent));
    if (startTag.endsWith('/>')) {
      const opened = startTag.replace(/\s*\/>$/u, '>');
      return { start: parent.start, end: parent.end, text: `${opened}${body}${indent}</${parent.name}>` };
    }
    const end = this.text.lastIndexOf('</', parent.end - 1);
    const kept = this.text.slice(0, end).trimEnd().length;
    return { start: kept, end, text: `${body}${indent}` };
  }
}

function declare({ root, prefix, text }: Source): readonly Edit[] {
  const uri = root.attributes[`xmlns:${prefix}`];
  if (uri === qemuNamespace) return [];
  if (uri !== undefined)
    throw new Error(`its prefix "${prefix}" stands for ${quoteText(uri)}; give that another prefix`);
  const at = endOfStartTag(text, root) - 1;
  return [{ start: at, end: at, text: ` xmlns:${prefix}='${qemuNamespace}'` }];
}

function addUuid({ root, indent }: Source, uuid: string): readonly Edit[] {
  const name = childOf(root, 'name');
  if (name === undefined) throw new Error('it has no <name>; libvirt defines no domain without one');
  return [{ start: name.end, end: name.end, text: `${indent}<uuid>${escapeXml(uuid)}</uuid>` }];
}

function setEmulator(source: Source, emulator: string): readonly Edit[] {
  const { root, indent } = source;
  const element = `<emulator>${escapeXml(emulator)}</emulator>`;
  const devices = childOf(root, 'devices');
  const old = devices && childOf(devices, 'emulator');
  if (old !== undefined) return [{ start: old.start, end: old.end, text: element }];
  if (devices !== undefined) return [source.append(devices, indent, [element])];
  const lines = ['<devices>', `  ${element}`, '</devices>'];
  return [insertLast(source, lines)];
}

function setEnvironment(source: Source, environment: DomainEnvironment): readonly Edit[] {
  const { root, prefix, indent, text } = source;
  const lines = environmentLines(environment, prefix);
  const commandlines = root.children.filter((child) => child.name === `${prefix}:commandline`);
  const [first] = commandlines;
  if (first === undefined)
    return [
      insertLast(source, [
        `<${prefix}:commandline>`,
        ...lines.map((line) => `  ${line}`),
        `</${prefix}:commandline>`,
      ]),
    ];
  // All of ours, also those that are not set anew: an old secret is of no use.
  const ours = new Set(Object.keys(environmentOf({ uuid: '', name: '', secret: '' })));
  const old = commandlines
    .flatMap(({ children }) => children)
    .filter(({ name, attributes }) => name === `${prefix}:env` && ours.has(attributes['name'] ?? ''));
  const removed = old.map(({ start, end }) => ({
    start: text.slice(0, start).trimEnd().length,
    end,
    text: '',
  }));
  return [...removed, source.append(first, indent, lines)];
}

/** Before the end of the domain. */
function insertLast({ text, root, indent }: Source, lines: readonly string[]): Edit {
  const at = text.slice(0, text.lastIndexOf('</', root.end - 1)).trimEnd().length;
  return { start: at, end: at, text: lines.map((line) => indent + line).join('') };
}

/** From the last one on, so that the places of the others still hold. */
function apply(text: string, edits: readonly Edit[]): string {
  return edits
    .map((edit, index) => ({ ...edit, index }))
    .sort((a, b) => b.start - a.start || b.index - a.index)
    .reduce((whole, { start, end, text: part }) => whole.slice(0, start) + part + whole.slice(end), text);
}

function childOf(parent: XmlPart, name: string): XmlPart | undefined {
  return parent.children.find((child) => child.name === name);
}

/** Behind the `>` that ends a start tag: one in a quoted value does not. */
function endOfStartTag(text: string, { start }: XmlPart): number {
  const tag = /<(?:[^>"']|"[^"]*"|'[^']*')*>/uy;
  tag.lastIndex = start;
  return start + (tag.exec(text)?.[0].length ?? 0);
}
