import { readFile } from 'node:fs/promises';
import { hasCode } from '../errors.ts';
import { ConfigError } from './config-error.ts';
import type { Config } from './config.ts';
import { parseConfig } from './parse-config.ts';

export const defaultConfigPath = '/etc/kubevirt/qemu-kube.conf';

/**
 * Reads the configuration from `path`, or from the default place, where a missing file means that all defaults hold.
 *
 * @throws ConfigError when the file can't be read, or used; when `path` is given, also when it is missing.
 */
export async function loadConfig(path: string | undefined): Promise<Config> {
  return parseConfig(await readConfigText(path), path ?? defaultConfigPath);
}

/**
 * The text of the configuration; none where the default file is missing.
 *
 * @throws ConfigError when it can't be read
 */
export async function readConfigText(path: string | undefined): Promise<string> {
  const fileName = path ?? defaultConfigPath;
  try {
    return await readFile(fileName, 'utf8');
  } catch (error) {
    if (path === undefined && hasCode(error, 'ENOENT')) return '';
    throw new ConfigError(fileName, [{ line: null, text: causeOf(error) }], { cause: error });
  }
}

function causeOf(error: unknown): string {
  if (hasCode(error, 'ENOENT')) return 'there is no such file; create it, or name another one';
  if (hasCode(error, 'EACCES')) return 'reading it is not permitted; run as root, or change its mode';
  if (hasCode(error, 'EISDIR')) return 'it is a directory; name a file';
  return error instanceof Error ? error.message : String(error);
}
