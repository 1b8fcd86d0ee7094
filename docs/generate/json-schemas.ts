import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const directory = join(import.meta.dirname, '../schemas');

/** The part of JSON Schema that the files of docs/schemas/ use. */
export interface JsonSchema {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
}

/** What one schema is for. */
export interface CommandSchema {
  /** Of the file, without its extension. */
  readonly name: string;
  /** Commands whose `--json` it describes, such as `machines list`. */
  readonly commands: readonly string[];
  readonly schema: JsonSchema;
}

interface SchemaFile extends JsonSchema {
  readonly 'x-commands': readonly string[];
}

export function readSchemas(): readonly CommandSchema[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const schema = JSON.parse(readFileSync(join(directory, file), 'utf8')) as SchemaFile;
      return { name: file.slice(0, -'.json'.length), commands: schema['x-commands'], schema };
    });
}
