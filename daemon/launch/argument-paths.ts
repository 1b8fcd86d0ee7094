import { parseJson } from './parse-json.ts';
import { qemuOptions } from './qemu-options.ts';

/** `unix:/run/x`, `unix:path=/run/x`, `file:/x`, `file:///x`: what may stand before a path in a value. */
const pathPrefix = /^[a-z][a-z0-9+.-]{0,31}:(?:path=|\/\/)?(?=\/)/;

/**
 * Every absolute path that stands as a whole value in one QEMU argument: the argument itself, a value of
 * `key=value,…`, or a string anywhere in a JSON argument. In order of appearance, repetitions included.
 */
export function* argumentPaths(argument: string): Generator<string, void> {
  for (const text of stringsOf(argument)) {
    const path = text.replace(pathPrefix, '');
    if (path.startsWith('/')) yield path;
  }
}

function* stringsOf(argument: string): Generator<string, void> {
  // No absolute path, no work: most arguments have none.
  if (!argument.includes('/')) return;
  const json = argument.startsWith('{') ? parseJson(argument) : undefined;
  if (json !== undefined) {
    yield* jsonStrings(json);
    return;
  }
  // A path with `=` in it looks like a key and a value, so the argument counts as a whole too.
  if (!argument.includes(',')) yield argument;
  for (const { value } of qemuOptions(argument)) yield value;
}

/** Without recursion, so that deep nesting can't exhaust the stack. */
function* jsonStrings(root: unknown): Generator<string, void> {
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value === 'string') yield value;
    else if (typeof value === 'object' && value !== null)
      for (const child of Object.values(value).reverse()) pending.push(child);
  }
}
