import { decodeUtf8 } from './decode-utf8.ts';
import type { LaunchRequest } from './launch-request.ts';
import { parseJson } from './parse-json.ts';
import { findQemuOption, parseQemuOptions } from './qemu-options.ts';

const masterKeyId = 'masterKey0';

/**
 * The file of libvirt's master key, from the first `-object` with the id `masterKey0`; `''` when that object names
 * no file, `null` when there is none. libvirt writes its own arguments before those of `<qemu:arg>`, so the author
 * of a domain can't put another one first.
 */
export function masterKeyFile(argv: LaunchRequest['argv']): string | null {
  for (const [index, argument] of argv.entries()) {
    const value = argv[index + 1];
    if (value === undefined || !argument.equals(Buffer.from('-object'))) continue;
    const text = decodeUtf8(value);
    const secret = text === null ? null : parseObject(text);
    if (secret?.id === masterKeyId) return secret.file;
  }
  return null;
}

interface ParsedObject {
  readonly id: string | null;
  readonly file: string;
}

function parseObject(text: string): ParsedObject | null {
  return text.startsWith('{') ? parseJsonObject(text) : parsePlainObject(text);
}

function parseJsonObject(text: string): ParsedObject | null {
  const json = parseJson(text);
  if (typeof json !== 'object' || json === null || !('id' in json) || typeof json.id !== 'string')
    return null;
  const isSecret = 'qom-type' in json && json['qom-type'] === 'secret';
  return { id: json.id, file: isSecret && 'file' in json && typeof json.file === 'string' ? json.file : '' };
}

function parsePlainObject(text: string): ParsedObject {
  const options = parseQemuOptions(text);
  const [type] = options;
  const isSecret =
    type?.key === null ? type.value === 'secret' : findQemuOption(options, 'qom-type') === 'secret';
  return {
    id: findQemuOption(options, 'id'),
    file: isSecret ? (findQemuOption(options, 'file') ?? '') : '',
  };
}
