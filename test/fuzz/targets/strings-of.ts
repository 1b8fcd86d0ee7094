import type { LaunchRequest } from '../../../daemon/launch/launch-request.ts';

/** The arguments, up to an empty one, then the environment, each with a NUL behind it. */
export function stringsOf(bytes: Buffer): Pick<LaunchRequest, 'argv' | 'env'> {
  const strings: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const nul = bytes.indexOf(0, at);
    const end = nul === -1 ? bytes.length : nul;
    strings.push(bytes.subarray(at, end));
    at = end + 1;
  }
  const empty = strings.findIndex((text) => text.length === 0);
  if (empty === -1) return { argv: strings, env: [] };
  return { argv: strings.slice(0, empty), env: strings.slice(empty + 1) };
}

/** The input that stringsOf() reads so. */
export function joinStrings(argv: readonly string[], env: readonly string[]): string {
  return [...argv, '', ...env].map((text) => `${text}\0`).join('');
}
