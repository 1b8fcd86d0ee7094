import os from 'node:os';
import { Readable } from 'node:stream';

import { runCommandLine } from '../../daemon/commands/command-line.ts';

/** One command of `node-driver`, in its own words. */
export interface CommandHelp {
  /** E.g. `secret new`; empty for `node-driver` itself. */
  readonly name: string;
  readonly help: string;
}

/** What a command says with `--help`, as it says it on x86-64. */
async function helpOf(name: string): Promise<string> {
  let help = '';
  await runCommandLine([...name.split(' ').filter(Boolean), '--help'], {
    stdin: Readable.from([]),
    stdout: (text) => void (help += text),
    stderr: () => undefined,
    outputClosed: new AbortController().signal,
    isTerminal: false,
    hasColour: false,
  });
  return help.replaceAll(`qemu-system-${os.machine()}`, 'qemu-system-x86_64');
}

/** `node-driver` itself, then its commands as `--help` lists them, each followed by those of its parts with a help of their own. */
export async function readCommands(): Promise<readonly CommandHelp[]> {
  const top = { name: '', help: await helpOf('') };
  const found: CommandHelp[] = [top];
  for (const name of listNames(top.help)) {
    const command = { name, help: await helpOf(name) };
    found.push(command);
    for (const part of listNames(command.help)) {
      const help = await helpOf(`${name} ${part}`);
      if (help !== command.help) found.push({ name: `${name} ${part}`, help });
    }
  }
  return found;
}

/** The lines of a list of commands; some go on in another line. */
function listNames(help: string): readonly string[] {
  const [, list = ''] = /\nCommands:\n((?: {2}.*\n)+)/u.exec(help) ?? [];
  return [...list.matchAll(/^ {2}([a-z-]+)/gmu)].map(([, name = '']) => name);
}
