import { Refusal } from '../errors.ts';
import { argumentsBehind, argumentsThatMention } from './arguments-that-mention.ts';
import { parseJson } from './parse-json.ts';
import { findQemuOption, qemuOptions } from './qemu-options.ts';

/**
 * The number of the fd on which QEMU is to listen for libvirt: that of the chardev of the control monitor. `null` where
 * the command line has no control monitor.
 *
 * @throws Refusal `launch-failed` where no fd, or more than one, can be told, or where there is too much to look through
 */
export function monitorFd(argv: readonly Buffer[]): number | null {
  const monitors = new Set(
    textsBehind(argv, 'mon', 'control')
      .filter((text) => findQemuOption(qemuOptions(text), 'mode') === 'control')
      .map((text) => findQemuOption(qemuOptions(text), 'chardev') ?? firstValue(text)),
  );
  if (monitors.size === 0) return null;
  const fds = textsBehind(argv, 'chardev', 'fd').flatMap((text) => {
    const { id, fd } = text.startsWith('{') ? readJson(text) : readOptions(text);
    return monitors.has(id) && fd !== undefined && /^\d{1,7}$/.test(fd) ? [Number(fd)] : [];
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
  const find = (key: string): string | undefined => findQemuOption(qemuOptions(text), key) ?? undefined;
  return { id: find('id'), fd: find('fd') };
}

/** `{"id":…,"backend":{"type":"socket","data":{"addr":{"type":"fd","data":{"str":"30"}}}}}`, flattened or not. */
function readJson(text: string): Chardev {
  const value = parseJson(text);
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

function firstValue(text: string): string | undefined {
  const [first] = qemuOptions(text);
  return first?.value;
}

/** What follows each `-name` or `--name`, where it has a certain word in it. */
function textsBehind(argv: readonly Buffer[], name: string, word: string): readonly string[] {
  const values = argumentsBehind(argv, [`-${name}`, `--${name}`]);
  return [...argumentsThatMention(values, (value) => value.includes(word))];
}
