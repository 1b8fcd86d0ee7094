import { markdownTable } from '../markdown-table.ts';
import { configKeys } from './config-keys.ts';

const introduction = `# Configuration

<!-- Written by daemon/config/write-reference.ts. Change daemon/config/config-keys.ts instead. -->

The daemon reads \`/etc/kubevirt/qemu-kube.conf\`. Without that file all defaults hold; a file that is named explicitly
must exist. The stub reads no configuration at all.

Each line is \`key = value\`. A \`#\` at the start of a line or behind a space begins a comment. There are no quotes and no
continuation lines. An unknown key, a key that is set twice and a bad value are errors: the daemon names the file and
each such line, and does not start.

\`\`\`
# /etc/kubevirt/qemu-kube.conf
proc = /host/proc
kubepods-base = /kubepods.slice
secret-lifetime = 5m      # counted from the start of the container
\`\`\`

## Kinds of values

- A _path_ is absolute, without \`//\`, \`.\` or \`..\` in it. _Paths_ are separated by commas.
- A _duration_ is a whole number with a unit: \`500ms\`, \`90s\`, \`10m\`, \`2h\`.
- _Users_ are names or numeric IDs, separated by commas; a _group_ is one name or ID.
- _Words_ are separated by spaces or commas.

## Keys
`;

const profiles = `
## Keys of a profile

\`profile.NAME.KEY = value\` is for the launches of one [probe profile](profiles.md) alone. What a profile does not set is as
it is for the whole node. A name is 1 to 31 of \`a-z\`, \`0-9\` and \`-\`, not beginning with \`-\`: that of the profile's
directory in \`emulators-directory\`. KEY is one of these:

KEYS

\`\`\`
profile.figures.mode = exec
profile.figures.namespaces = mnt net
\`\`\`
`;

/** The text of docs/configuration.md. */
export function renderReference(): string {
  const rows = configKeys.map(({ key, defaultText, unit, meaning }) => [
    `\`${key}\``,
    defaultText === '' ? 'empty' : `\`${defaultText}\``,
    unit,
    meaning,
  ]);
  const own = configKeys.filter(({ perProfile }) => perProfile).map(({ key }) => `- \`${key}\``);
  const ofProfiles = profiles.replace('KEYS', own.join('\n'));
  return `${introduction}\n${markdownTable(['Key', 'Default', 'Value', 'Meaning'], rows)}\n${ofProfiles}`;
}
