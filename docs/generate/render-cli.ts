import type { CommandSchema, JsonSchema } from './json-schemas.ts';
import { markdownTable } from './markdown-table.ts';
import type { CommandHelp } from './read-commands.ts';

const introduction = `# The command line

<!-- Written by "npm run generate:docs": from what the commands say with --help, and from docs/schemas/. -->

\`node-driver\` is the daemon (\`serve\`) and the tool of whoever looks after it. \`resolve\` and \`machines\` ask the daemon that runs
on this node, by its API; all others work without one. \`node-driver completion\` makes a shell complete all of this.

## Exit status

| status | meaning |
| --- | --- |
| 0 | done; what was asked for is so |
| 1 | failed or refused: one line on standard error says why and what to do ([troubleshooting](troubleshooting.md)), with \`--json\` the answer itself where the command has one for it |
| 2 | wrong usage: nothing was done |
| 78 | the configuration can't be used: \`serve\` and \`config\` |
| 127 | the program of the image or the package, which starts Node, has found no Node |

## \`--json\`

One line for each answer or event, on standard output; whatever else there is to say is on standard error. Fields may be added
in any release; none is removed, and none changes its meaning or its type, but in a major one. What is 64 bits wide is text. Paths,
names and texts of others are as they are, not made fit for a terminal. The schemas, of
[JSON Schema](https://json-schema.org/) draft 7, are in [schemas/](schemas/); the tests hold the output to them.
`;

/** The text of docs/cli.md. */
export function renderCli(commands: readonly CommandHelp[], schemas: readonly CommandSchema[]): string {
  const parts = commands.map(({ name, help }) => {
    const title = name === '' ? 'node-driver' : `node-driver ${name}`;
    const own = schemas.filter((each) => each.commands.some((command) => isOf(command, name, commands)));
    return [`## ${title}`, fence(help), ...own.map(describe)].join('\n\n');
  });
  return `${introduction}\n${parts.join('\n\n')}\n`;
}

/** Whether what a command prints belongs to the help with this name: the closest there is. */
function isOf(command: string, name: string, commands: readonly CommandHelp[]): boolean {
  if (name === '') return false;
  return (
    command === name || (command.startsWith(`${name} `) && !commands.some((each) => each.name === command))
  );
}

function fence(text: string): string {
  return `\`\`\`text\n${text.trimEnd()}\n\`\`\``;
}

function describe({ name, commands, schema }: CommandSchema): string {
  const list = commands.map((command) => `\`${command} --json\``).join(', ');
  const rows = (schema.oneOf ?? [schema]).flatMap((each) => fieldsOf(each, ''));
  return `${list}: ${schema.title ?? ''} ([schema](schemas/${name}.json)).\n\n${markdownTable(['field', 'type', 'meaning'], rows)}`;
}

function fieldsOf(schema: JsonSchema, prefix: string): readonly (readonly string[])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const name = `${prefix}${key}`;
    const rows = [[`\`${name}\``, typeOf(value), meaningOf(value)]];
    const inner = value.items ?? value.oneOf?.find(({ properties }) => properties) ?? value;
    return [...rows, ...fieldsOf(inner, value.items === undefined ? `${name}.` : `${name}[].`)];
  });
}

function typeOf({ type, oneOf, $ref }: JsonSchema): string {
  if ($ref !== undefined) return `as [${$ref}](schemas/${$ref})`;
  const types = oneOf?.flatMap((each) => each.type ?? []) ?? type ?? [];
  return [...new Set(typeof types === 'string' ? [types] : types)]
    .sort((a, b) => Number(a === 'null') - Number(b === 'null'))
    .join(' or ');
}

function meaningOf({ description = '', enum: values }: JsonSchema): string {
  return values === undefined
    ? description
    : `${description}: ${values.map((value) => `\`${value}\``).join(', ')}`;
}
