import { parseJson } from './parse-json.ts';
import { parseQemuOptions } from './qemu-options.ts';

/** `unix:/run/x`, `unix:path=/run/x`, `file:/x`, `file:///x`: what may stand before a path in a value. */
const pathPrefix = /^[a-z][a-z0-9+.-]{0,31}:(?:path=|\/\/)?(?=\/)/;

/**
 * Every absolute path that stands as a whole value in one QEMU argument: the argument itself, a value of
 * `key=value,…`, or a string anywhere in a JSON argument. In order of appearance, repetitions included.
 */
export function argumentPaths(argument: string): readonly string[] {
  return stringsOf(argument).flatMap((text) => {
    const path = text.replace(pathPrefix, '');
    return path.startsWith('/') ? [path] : [];
  });
}

function stringsOf(argument: string): readonly string[] {
  // No absolute path, no work: most arguments have none.
  if (!argument.includes('/')) return [];
  if (argument.startsWith('{')) {
    const json = parseJson(argument);
    if (json !== undefined) return jsonStrings(json);
  }
  const values = parseQemuOptions(argument).map((option) => option.value);
  // A path with `=` in it looks like a key and a value, so the argument counts as a whole too.
  return argument.includes(',') ? values : [argument, ...values];
}

/** Without recursion, so that deep nesting can't exhaust the stack. */
function jsonStrings(root: unknown): readonly string[] {
  const strings: string[] = [];
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value === 'string') strings.push(value);
    else if (typeof value === 'object' && value !== null)
      for (const child of Object.values(value).reverse()) pending.push(child);
  }
  return strings;
}
