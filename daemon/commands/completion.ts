import type { CommandIo } from './command-io.ts';
import { UsageError, parseUsage } from './usage-error.ts';

const usage = `Usage: node-driver completion bash|zsh

Prints what makes a shell complete the commands and options of node-driver.

Options:
  --help  print this text

Example:
  node-driver completion bash > /etc/bash_completion.d/node-driver
  source <(node-driver completion zsh)
`;

type Run = (args: readonly string[], io: CommandIo) => Promise<number>;

/**
 * `node-driver completion`. Returns the exit status.
 *
 * @param run runs all other commands, whose help it reads
 */
export async function completionCommand(args: readonly string[], io: CommandIo, run: Run): Promise<number> {
  const { values, positionals } = parseUsage('completion', {
    args: [...args],
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const [shell, ...others] = positionals;
  if ((shell !== 'bash' && shell !== 'zsh') || others.length > 0)
    throw new UsageError('Cannot run completion: say "bash" or "zsh"; see node-driver completion --help');
  const script = formatScript(await collectWords(io, run));
  io.stdout(shell === 'zsh' ? `autoload -Uz bashcompinit && bashcompinit\n${script}` : script);
  return 0;
}

/** By what stands before them, e.g. `secret new`: the help texts are asked, which are the commands' own word. */
async function collectWords(io: CommandIo, run: Run): Promise<ReadonlyMap<string, readonly string[]>> {
  const helpOf = async (command: readonly string[]): Promise<string> => {
    let help = '';
    const collect = (text: string): void => void (help += text);
    await run([...command, '--help'], { ...io, stdout: collect });
    return help;
  };
  const words = new Map<string, readonly string[]>();
  const top = await helpOf([]);
  const commands = listCommands(top);
  words.set('', [...commands, ...listOptions(top)]);
  for (const command of commands) {
    const help = await helpOf([command]);
    const parts = listParts(command, help);
    words.set(command, [...parts, ...listOptions(help)]);
    for (const part of parts) words.set(`${command} ${part}`, listOptions(await helpOf([command, part])));
  }
  return words;
}

/** Of a command such as `secret`, whose usage says `secret new|keygen` or has a line for each. */
function listParts(command: string, help: string): readonly string[] {
  const [synopsis = ''] = help.split('\n\n');
  const forms = [...synopsis.matchAll(new RegExp(`node-driver ${command} ([a-z|]+)`, 'gu'))];
  return [...new Set(forms.flatMap(([, parts = '']) => parts.split('|')))];
}

function listCommands(help: string): readonly string[] {
  const [, list = ''] = /\nCommands:\n((?: {2}.*\n)+)/u.exec(help) ?? [];
  return [...list.matchAll(/^ {2}([a-z-]+)/gmu)].map(([, name = '']) => name);
}

function listOptions(help: string): readonly string[] {
  return [...new Set([...help.matchAll(/^ {2}(--[a-z-]+)/gmu)].map(([, name = '']) => name))];
}

function formatScript(words: ReadonlyMap<string, readonly string[]>): string {
  const cases = [...words].map(([before, list]) => `    '${before}') list='${list.join(' ')}' ;;\n`);
  return `_node_driver() {
  local current=\${COMP_WORDS[COMP_CWORD]} before= word list= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in -*) break ;; *) before="\${before:+$before }$word" ;; esac
  done
  case $before in
${cases.join('')}  esac
  COMPREPLY=($(compgen -W "$list" -- "$current"))
}
complete -o default -F _node_driver node-driver
`;
}
