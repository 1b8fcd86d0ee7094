import * as v from 'valibot';
import { quoteText } from '../quote-text.ts';
import { TokenFault } from './token-fault.ts';

type Entries = Readonly<Record<string, v.GenericSchema>>;

/**
 * Reads a JSON object that has the keys of the schema and no others: one that is not understood may be a restriction.
 *
 * @param what for the reason, such as `claim`.
 * @throws TokenFault that names the key, and never what stands there: neither JSON's nor valibot's own errors are used
 */
export function parseStrictly<const Schema extends v.ObjectSchema<Entries, undefined>>(
  schema: Schema,
  bytes: Uint8Array,
  what: string,
): v.InferOutput<Schema> {
  const value = parseObject(bytes);
  if (value === null) throw new TokenFault(`its ${what}s are not a JSON object`);
  const unknown = Object.keys(value).find((key) => !Object.hasOwn(schema.entries, key));
  if (unknown !== undefined)
    throw new TokenFault(`its ${what} ${quoteText(unknown)} is none that is known here`);
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [{ path, expected, kind }] = result.issues;
  const key = String(path?.[0].key);
  const isMissing = !Object.hasOwn(value, key);
  const wanted = kind === 'schema' && expected !== null ? `, not ${expected}` : '';
  throw new TokenFault(`its ${what} "${key}" is ${isMissing ? 'missing' : `not what it must be${wanted}`}`);
}

function parseObject(bytes: Uint8Array): object | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
