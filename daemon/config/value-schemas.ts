import { isIPv4, isIPv6 } from 'node:net';
import * as v from 'valibot';
import { secretForms as knownSecretForms } from '../secret/secret-form.ts';

/**
 * Schemas from the text of a configuration value to what the daemon uses. The message of each is what the value must
 * be, worded to follow "must be".
 */

/** Where a server listens; port 0 means any free one. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const pathRule = 'an absolute path without "//", "." or ".." in it';
const accountForm = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/;
const fileNameForm = /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}$/;
const hostNameForm =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
const labelKeyForm =
  /^(?:(?=[^/]{1,253}\/)[a-z0-9]([a-z0-9.-]*[a-z0-9])?\/)?(?=.{1,63}$)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const labelValueForm = /^(?=.{0,63}$)(?:[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$/;
const millisecondsOf: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);
const longestDuration = 365 * 24 * 3_600_000;

type TextSchema<Output> = v.GenericSchema<string, Output>;

/** Builds a schema of a parser that returns `undefined` for a text it does not accept. */
function parsed<Output>(mustBe: string, parse: (text: string) => Output | undefined): TextSchema<Output> {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: mustBe });
      return NEVER;
    }),
  );
}

export const absolutePath = parsed(pathRule, pathOf);

export const absolutePathOrAuto = parsed(`"auto" or ${pathRule}`, (text) =>
  text === 'auto' ? null : pathOf(text),
);

export const absolutePathOrOff = parsed(`"off" or ${pathRule}`, (text) =>
  text === 'off' ? null : pathOf(text),
);

export const absolutePaths = parsed(`a comma separated list, each ${pathRule}`, (text) =>
  listOf(text, pathOf),
);

/** Milliseconds. */
export const duration = parsed(
  'a number with one of the units ms, s, m or h, such as 90s or 10m, at most 8760h',
  (text) => {
    const [, digits = '', unit = ''] = /^([0-9]{1,12})([a-z]+)$/.exec(text) ?? [];
    const factor = millisecondsOf.get(unit);
    const milliseconds = factor === undefined ? Number.NaN : Number(digits) * factor;
    return milliseconds <= longestDuration ? milliseconds : undefined;
  },
);

/** Users by name or number, as text: names are looked up in the node's database later. */
export const accounts = parsed('a comma separated list of user names or numbers', (text) => {
  const list = listOf(text, accountOf);
  return list?.length === 0 ? undefined : list;
});

export const accountOrNone = parsed('a name or a number, or nothing', (text) =>
  text === '' ? null : accountOf(text),
);

/** Names without directories, separated by spaces or commas. */
export const fileNames = parsed('one or more file names without directories', (text) => {
  const names = text.split(/[\s,]+/).filter((name) => name !== '');
  return names.length > 0 && names.every((name) => fileNameForm.test(name)) ? names : undefined;
});

export const yesOrNo = parsed('yes or no', (text) =>
  text === 'yes' ? true : text === 'no' ? false : undefined,
);

/** `null` for `off`. */
export const countOrOff = parsed('"off" or a number from 1 to 1000000', (text): number | null | undefined => {
  if (text === 'off') return null;
  return /^[1-9][0-9]{0,5}$|^1000000$/.test(text) ? Number(text) : undefined;
});

export const hostPortOrOff = parsed(
  '"off", HOST:PORT or [IPV6]:PORT, such as 127.0.0.1:9409',
  (text): HostPort | null | undefined => {
    if (text === 'off') return null;
    const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):([0-9]{1,5})$/.exec(text) ?? [];
    const port = Number(digits);
    const host = bracketed ?? plain ?? '';
    const isHost = bracketed === undefined ? isPlainHost(host) : isIPv6(host);
    return isHost && port <= 65_535 ? { host, port } : undefined;
  },
);

/** A label of Kubernetes; `null` for none. */
export const labelOrNone = parsed(
  'a label such as kubevirt.io=virt-launcher, or nothing',
  (text): { readonly key: string; readonly value: string } | null | undefined => {
    if (text === '') return null;
    const [, key, value] = /^([^=]+)=([^=]*)$/.exec(text) ?? [];
    if (key === undefined || value === undefined) return undefined;
    return labelKeyForm.test(key) && labelValueForm.test(value) ? { key, value } : undefined;
  },
);

/** `null` for `auto`. */
export const hostNameOrAuto = parsed('"auto" or the name of a node', (text) => {
  if (text === 'auto') return null;
  return hostNameForm.test(text) ? text : undefined;
});

/** Printable ASCII characters without spaces. */
export const word = parsed('1 to 253 printable ASCII characters without spaces', (text) =>
  /^[\x21-\x7e]{1,253}$/.test(text) ? text : undefined,
);

/** One of a few words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): TextSchema<Word> {
  return parsed(`one of ${words.join(', ')}`, (text) => words.find((word) => word === text));
}

/** Some of a few words, each at most once, separated by spaces or commas, at least one; in the order of `words`. */
export function someOf<const Word extends string>(...words: readonly Word[]): TextSchema<readonly Word[]> {
  return parsed(`one or more of ${words.join(' ')}, none of them twice`, (text) => {
    const given = text.split(/[\s,]+/).filter((word) => word !== '');
    const chosen = words.filter((word) => given.includes(word));
    return given.length > 0 && chosen.length === given.length ? chosen : undefined;
  });
}

/**
 * Like {@link someOf}, for a list whose other known words this release does not support: whoever writes one of them is
 * told so, not that it is unknown.
 */
export function someSupported<const Word extends string, const Supported extends Word>(
  known: readonly Word[],
  supported: readonly Supported[],
): TextSchema<readonly Supported[]> {
  const later = known.filter((word) => !supported.some((each) => each === word));
  return v.pipe(
    v.string(),
    v.check(
      (text) => !later.some((word) => text.split(/[\s,]+/).includes(word)),
      `one or more of ${supported.join(' ')}: ${later.join(', ')} ${later.length === 1 ? 'is' : 'are'} not supported by this release`,
    ),
    someOf(...supported),
  );
}

/** The filter of system calls: `path` is that of a profile. */
export const seccompSetting = parsed(
  `"default", "unconfined" or ${pathRule}`,
  (text): 'default' | 'unconfined' | { readonly path: string } | undefined => {
    if (text === 'default' || text === 'unconfined') return text;
    const path = pathOf(text);
    return path === undefined || path === '/' ? undefined : { path };
  },
);

/** `null` for `auto`. */
export const secretForms = v.pipe(
  v.string(),
  v.transform((text) => (text === 'auto' ? null : text)),
  v.nullable(v.pipe(someOf(...knownSecretForms))),
);

/** Where the identity of a VM may come from. */
export const identitySource = parsed('env or env,argv', (text): 'env' | 'env,argv' | undefined => {
  const words = text.replaceAll(/\s+/g, '');
  return words === 'env' || words === 'env,argv' ? words : undefined;
});

function pathOf(text: string): string | undefined {
  if (!text.startsWith('/') || text.length >= 4_096 || /\p{Cc}/u.test(text)) return undefined;
  if (text === '/') return text;
  const path = text.replace(/\/$/, '');
  const elements = path.split('/').slice(1);
  const isNormal = elements.length > 0 && !elements.some((element) => ['', '.', '..'].includes(element));
  return isNormal ? path : undefined;
}

function accountOf(text: string): string | undefined {
  if (accountForm.test(text)) return text;
  const id = /^(0|[1-9][0-9]{0,9})$/.test(text) ? Number(text) : Number.NaN;
  // 2³²-1 means "no user" to the kernel.
  return id < 2 ** 32 - 1 ? text : undefined;
}

function isPlainHost(host: string): boolean {
  return isIPv4(host) || (hostNameForm.test(host) && !/^[0-9.]+$/.test(host));
}

/** The elements of a comma separated list, none for an empty text; `undefined` when one of them does not parse. */
function listOf<Element>(
  text: string,
  parse: (element: string) => Element | undefined,
): readonly Element[] | undefined {
  if (text === '') return [];
  const elements: Element[] = [];
  for (const word of text.split(',')) {
    const element = parse(word.trim());
    if (element === undefined) return undefined;
    elements.push(element);
  }
  return elements;
}
