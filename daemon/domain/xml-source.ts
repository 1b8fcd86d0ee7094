import { XmlCdata, XmlElement, XmlError, XmlText, parseXml } from '@rgrove/parse-xml';

/** An element of a document, with its place in the text, so that the rest of that can stay as it is. */
export interface XmlPart {
  /** As written, with its prefix. */
  readonly name: string;
  readonly localName: string;
  /** What its prefix stands for: `''` without a namespace, `null` where nobody says. */
  readonly namespace: string | null;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlPart[];
  /** The text that is directly in it, without the white space around it. */
  readonly text: string;
  /** From its `<` to behind its last `>`. */
  readonly start: number;
  readonly end: number;
}

/** @throws Error with the line at fault where the text is not well-formed XML */
export function parseXmlSource(text: string): XmlPart {
  let root: XmlElement | null;
  try {
    // Entities of a document's own are not expanded: they are an error.
    ({ root } = parseXml(text, { includeOffsets: true }));
  } catch (error) {
    // Text that nests too deep ends in another error.
    const cause = error instanceof XmlError ? (error.message.split('\n')[0] ?? '') : 'it nests too deep';
    throw new Error(`it is not well-formed XML: ${cause}`, { cause: error });
  }
  if (root === null) throw new Error('it is not well-formed XML: it has no element');
  return toPart(root, new Map([['xml', 'http://www.w3.org/XML/1998/namespace']]), text.length);
}

function toPart(element: XmlElement, inherited: ReadonlyMap<string, string>, limit: number): XmlPart {
  const { name, attributes, children } = element;
  const namespaces = new Map([...inherited, ...declarationsOf(attributes)]);
  const [localName = '', prefix = ''] = name.split(':').reverse();
  return {
    name,
    localName,
    namespace: namespaces.get(prefix) ?? (prefix === '' ? '' : null),
    attributes,
    children: children.flatMap((each) =>
      each instanceof XmlElement ? [toPart(each, namespaces, limit)] : [],
    ),
    text: children
      .map((each) => (each instanceof XmlText || each instanceof XmlCdata ? each.text : ''))
      .join('')
      .trim(),
    start: element.start,
    // The library has no number for the very end of a text.
    end: Math.min(element.end, limit),
  };
}

function declarationsOf(attributes: Readonly<Record<string, string>>): readonly [string, string][] {
  return Object.entries(attributes).flatMap(([name, uri]): [string, string][] => {
    if (name === 'xmlns') return [['', uri]];
    return name.startsWith('xmlns:') ? [[name.slice('xmlns:'.length), uri]] : [];
  });
}
