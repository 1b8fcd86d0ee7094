import { argumentsBehind, argumentsThatMention } from './arguments-that-mention.ts';
import type { LaunchRequest } from './launch-request.ts';
import { parseJson } from './parse-json.ts';
import { findQemuOption, qemuOptions } from './qemu-options.ts';

const masterKeyId = 'masterKey0';

/**
 * The file of libvirt's master key, from the first `-object` with the id `masterKey0`; `''` when that object names
 * no file, `null` when there is none. libvirt writes its own arguments before those of `<qemu:arg>`, so the author
 * of a domain can't put another one first.
 *
 * @throws Refusal `launch-failed` where too much that mentions one has to be read before it is found
 */
export function masterKeyFile(argv: LaunchRequest['argv']): string | null {
  const objects = argumentsBehind(argv, ['-object']);
  for (const text of argumentsThatMention(objects, (object) => object.includes(masterKeyId))) {
    const secret = parseObject(text);
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
  const find = (key: string): string | null => findQemuOption(qemuOptions(text), key);
  const [type] = qemuOptions(text);
  const isSecret = type?.key === null ? type.value === 'secret' : find('qom-type') === 'secret';
  return { id: find('id'), file: isSecret ? (find('file') ?? '') : '' };
}
