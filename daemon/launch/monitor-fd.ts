import { Refusal } from '../errors.ts';
import { decodeUtf8 } from './decode-utf8.ts';
import { findQemuOption, parseQemuOptions } from './qemu-options.ts';

/**
 * The number of the fd on which QEMU is to listen for libvirt: that of the chardev of the control monitor. `null` where
 * the command line has no control monitor.
 *
 * @throws Refusal `launch-failed` where no fd, or more than one, can be told
 */
export function monitorFd(argv: readonly Buffer[]): number | null {
  const monitors = valuesOf(argv, 'mon')
    .map(parseQemuOptions)
    .filter((options) => findQemuOption(options, 'mode') === 'control')
    .map((options) => findQemuOption(options, 'chardev') ?? options[0]?.value);
  if (monitors.length === 0) return null;
  const fds = valuesOf(argv, 'chardev').flatMap((text) => {
    const { id, fd } = text.startsWith('{') ? readJson(text) : readOptions(text);
    return monitors.includes(id) && fd !== undefined && /^\d{1,7}$/.test(fd) ? [Number(fd)] : [];
  });
  const [fd, ...others] = new Set(fds);
  if (fd !== undefined && others.length === 0) return fd;
  throw new Refusal(
    'launch-failed',
    `Cannot tell libvirt the thread ids of a QEMU in another PID namespace: its command line has ${fds.length} ` +
      'sockets that libvirt opened for its monitor, not one',
    'take pid out of "namespaces", or remove monitors from <qemu:commandline>',
  );
}

interface Chardev {
  readonly id: string | undefined;
  readonly fd: string | undefined;
}

function readOptions(text: string): Chardev {
  const options = parseQemuOptions(text);
  return { id: findQemuOption(options, 'id') ?? undefined, fd: findQemuOption(options, 'fd') ?? undefined };
}

/** `{"id":…,"backend":{"type":"socket","data":{"addr":{"type":"fd","data":{"str":"30"}}}}}`, flattened or not. */
function readJson(text: string): Chardev {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { id: undefined, fd: undefined };
  }
  const address = [['backend', 'data', 'addr'], ['backend', 'addr'], ['addr']]
    .map((path) => memberOf(value, path))
    .find((found) => memberOf(found, ['type']) === 'fd');
  const fd = memberOf(address, ['data', 'str']) ?? memberOf(address, ['str']);
  return { id: asText(memberOf(value, ['id'])), fd: asText(fd) };
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function memberOf(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, key)
        ? (at as Readonly<Record<string, unknown>>)[key]
        : undefined,
    value,
  );
}

/** What follows each `-name` or `--name`. */
function valuesOf(argv: readonly Buffer[], name: string): readonly string[] {
  const texts = argv.map((argument) => decodeUtf8(argument) ?? '');
  return texts.filter((_, index) => [`-${name}`, `--${name}`].includes(texts[index - 1] ?? ''));
}
