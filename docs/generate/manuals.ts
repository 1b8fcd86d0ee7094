import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

import { readSchemas } from './json-schemas.ts';
import { readCommands } from './read-commands.ts';
import { renderApi } from './render-api.ts';
import { renderCli } from './render-cli.ts';
import { renderCommandPage } from './render-command-page.ts';
import { renderConfigPage } from './render-config-page.ts';

const root = join(import.meta.dirname, '../..');

/** All manuals that are made from other files, by their path. */
export async function renderManuals(): Promise<ReadonlyMap<string, string>> {
  const commands = await readCommands();
  const proto = readFileSync(join(root, 'proto/kubevirt/nodedriver/v1/node_driver.proto'), 'utf8');
  return new Map([
    ['docs/api.md', await tidy('docs/api.md', renderApi(proto))],
    ['docs/cli.md', await tidy('docs/cli.md', renderCli(commands, readSchemas()))],
    ['docs/man/node-driver.8', renderCommandPage(commands)],
    ['docs/man/qemu-kube.conf.5', renderConfigPage()],
  ]);
}

async function tidy(file: string, text: string): Promise<string> {
  const path = join(root, file);
  return format(text, { ...(await resolveConfig(path)), filepath: path });
}
