import { Refusal } from '../errors.ts';
import { quoteText } from '../quote-text.ts';
import { argumentPaths } from './argument-paths.ts';
import { argumentsThatMention } from './arguments-that-mention.ts';
import { decodeUtf8 } from './decode-utf8.ts';
import { domainName } from './domain-name.ts';
import type { LaunchRequest } from './launch-request.ts';
import { masterKeyFile } from './master-key.ts';

/** Absolute paths of the configuration, without a slash at the end. */
export interface LibvirtPaths {
  /** `libvirt-state`, e.g. `/var/lib/libvirt/qemu`. */
  readonly libvirtState: string;
  /** `libvirt-run`, e.g. `/run/libvirt/qemu`. */
  readonly libvirtRun: string;
  /** `project`: further paths that a VM is to see. */
  readonly project: readonly string[];
}

/** What libvirt has made for one start of a domain. All `null` when the caller is not libvirt. */
export interface LibvirtDomain {
  /** `<libvirt-state>/domain-<id>-<short name>`, which holds the master key. */
  readonly directory: string | null;
  /** libvirt's number of this start, in decimal. */
  readonly id: string | null;
  /** The guest's name as libvirt shortens it for paths. */
  readonly shortName: string | null;
  /** Absolute paths that QEMU opens by name: distinct, none inside another, the directory first. */
  readonly projections: readonly string[];
}

/** `VIR_DOMAIN_SHORT_NAME_MAX` of libvirt. */
const shortNameLength = 20;
const keyFile = 'master-key.aes';
const openBrace = 0x7b;
const domainPattern = /^domain-(0|[1-9][0-9]{0,9})-(.+)$/s;

/**
 * Finds the files that belong to this start of a domain. They come from what libvirt itself wrote into the command
 * line, never from HOME: the author of the domain sets HOME, and must not choose what a pod gets to see.
 * @throws Refusal `libvirt-home` when command line, configuration and HOME do not name one directory;
 * `launch-failed` for a `project` that can't be projected, or for more arguments than can be looked through
 */
export function libvirtDomain(
  request: Pick<LaunchRequest, 'argv' | 'env'>,
  paths: LibvirtPaths,
): LibvirtDomain {
  checkProjects(paths.project);
  const file = masterKeyFile(request.argv);
  if (file === null)
    return { directory: null, id: null, shortName: null, projections: outermost(paths.project) };
  const name = domainName(request.argv);
  const { id, shortName } = identifyDirectory(file, shortNames(name), paths.libvirtState);
  const directory = `${paths.libvirtState}/domain-${id}-${shortName}`;
  checkHome(request.env, directory);
  const files = [...argumentsThatMention(request.argv, mentionsFile(paths))]
    .flatMap((argument) => [...argumentPaths(argument)])
    .filter(
      (path) =>
        isRunFile(path, paths.libvirtRun, `${id}-${shortName}`) || isNvram(path, paths.libvirtState, name),
    );
  return { directory, id, shortName, projections: outermost([directory, ...files, ...paths.project]) };
}

/** Tells by the bytes of an argument whether it can name a file that is projected, however that is written. */
function mentionsFile({ libvirtRun, libvirtState }: LibvirtPaths): (argument: Buffer) => boolean {
  const directories = [`${libvirtRun}/`, `${libvirtState}/nvram/`];
  const forms = directories.flatMap((path) => [
    path,
    path.replaceAll(',', ',,'),
    JSON.stringify(path).slice(1, -1),
  ]);
  const needles = [...new Set(forms)].map((form) => Buffer.from(form));
  // In JSON any character can be written in other ways.
  const escapes = ['\\/', '\\u'].map((escape) => Buffer.from(escape));
  return (argument) =>
    needles.some((needle) => argument.includes(needle)) ||
    (argument[0] === openBrace && escapes.some((escape) => argument.includes(escape)));
}

function identifyDirectory(
  file: string,
  names: readonly string[],
  libvirtState: string,
): { readonly id: string; readonly shortName: string } {
  const [directory, base] = componentsBelow(file, libvirtState);
  const [, id, shortName] = domainPattern.exec(directory ?? '') ?? [];
  const exact = file === `${libvirtState}/${directory ?? ''}/${keyFile}`;
  if (base !== keyFile || !exact || id === undefined || shortName === undefined || !names.includes(shortName))
    throw new Refusal(
      'libvirt-home',
      `Cannot find libvirt's directory of the domain: the master key is ${quoteText(file)}, not ` +
        quoteText(`${libvirtState}/domain-<id>-${names[0] ?? '<name>'}/${keyFile}`),
      'set "libvirt-state" to the directory in which libvirt keeps domain-<id>-<name>',
    );
  return { id, shortName };
}

/**
 * libvirt cuts the name to 20 characters; in a locale without multibyte characters (LC_ALL=C) to 20 bytes, which is
 * another name only when it is not ASCII.
 */
function shortNames(name: string | null): readonly string[] {
  if (name === null) return [];
  const characters = Array.from(name.slice(0, 2 * shortNameLength))
    .slice(0, shortNameLength)
    .join('');
  const bytes = decodeUtf8(Buffer.from(name.slice(0, shortNameLength), 'utf8').subarray(0, shortNameLength));
  return [characters, bytes ?? characters].filter((short) => short !== '' && !/[/\0]/.test(short));
}

function checkHome(env: readonly Buffer[], directory: string): void {
  const name = Buffer.from('HOME=');
  for (const entry of env) {
    if (!entry.subarray(0, name.length).equals(name)) continue;
    const home = entry.subarray(name.length);
    if (!home.equals(Buffer.from(directory)))
      throw new Refusal(
        'libvirt-home',
        `Cannot trust HOME: it is ${quoteText(home.toString('utf8'))}, while libvirt's directory of the domain is ` +
          quoteText(directory),
        "remove <qemu:env name='HOME'> from the domain",
      );
  }
}

/** `<run>/<one component>/<id>-<short name>` and what follows after `-` or `.`: swtpm, passt, dbus and the like. */
function isRunFile(path: string, run: string, prefix: string): boolean {
  const [component, base, ...deeper] = componentsBelow(path, run);
  if (component === undefined || base?.startsWith(prefix) !== true || deeper.length > 0) return false;
  return ['', '-', '.'].includes(base.charAt(prefix.length));
}

/**
 * `<state>/nvram/<name>_VARS.fd`, or with another suffix: what libvirt names after the domain. The author of a domain
 * may point `<nvram>` at any other file there, and the files of other VMs must not come along.
 */
function isNvram(path: string, state: string, name: string | null): boolean {
  const [directory, base, ...deeper] = componentsBelow(path, state);
  const isOwn = name !== null && base?.startsWith(`${name}_VARS.`) === true;
  return directory === 'nvram' && isOwn && deeper.length === 0;
}

/** Components of a plain absolute path below a directory; none when it is not below, or not plain. */
function componentsBelow(path: string, directory: string): readonly string[] {
  if (!path.startsWith(`${directory}/`) || !isPlain(path)) return [];
  return path.slice(directory.length + 1).split('/');
}

function isPlain(path: string): boolean {
  const [root, ...components] = path.split('/');
  const named =
    components.length > 0 && components.every((component) => !['', '.', '..'].includes(component));
  return root === '' && named && !path.includes('\0');
}

function checkProjects(project: readonly string[]): void {
  const wrong = project.find((path) => !isPlain(path));
  if (wrong !== undefined)
    throw new Refusal(
      'launch-failed',
      `Cannot project ${quoteText(wrong)}: it is not a plain absolute path`,
      'write "project" with absolute paths that have no "//", "." or ".." and no "/" at the end',
    );
}

function outermost(paths: readonly string[]): readonly string[] {
  const distinct = new Set(paths);
  return [...distinct].filter((path) => !ancestors(path).some((ancestor) => distinct.has(ancestor)));
}

function ancestors(path: string): readonly string[] {
  const found: string[] = [];
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
    found.push(path.slice(0, end));
  return found;
}
