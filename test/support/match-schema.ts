import Ajv from 'ajv';
import { expect } from 'chai';

import { readSchemas, type JsonSchema } from '../../docs/generate/json-schemas.ts';

/** With the fields that the schema has and no others: what is printed is written down. */
function strictly(schema: JsonSchema): object {
  const { properties, items, oneOf } = schema;
  return {
    ...schema,
    ...(properties !== undefined && { properties: mapValues(properties), additionalProperties: false }),
    ...(items !== undefined && { items: strictly(items) }),
    ...(oneOf !== undefined && { oneOf: oneOf.map(strictly) }),
  };
}

function mapValues(schemas: Readonly<Record<string, JsonSchema>>): object {
  return Object.fromEntries(Object.entries(schemas).map(([key, value]) => [key, strictly(value)]));
}

/**
 * Holds what a command printed with `--json` to its schema.
 *
 * @param name of a file in docs/schemas/, without its extension
 * @param output at least one line of JSON, and nothing else
 */
export function matchSchema(name: string, output: string): void {
  const ajv = new Ajv({ schemaId: 'auto', unknownFormats: 'ignore' });
  for (const each of readSchemas()) ajv.addSchema(strictly(each.schema), `${each.name}.json`);
  const lines = output.split('\n');
  expect(lines.pop(), 'the end of the output').to.equal('');
  expect(lines).to.not.have.lengthOf(0);
  for (const line of lines) {
    const isGood = ajv.validate(`${name}.json`, JSON.parse(line));
    expect(isGood, `${line}: ${ajv.errorsText()}`).to.equal(true);
  }
}
