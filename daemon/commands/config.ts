import { ConfigError } from '../config/config-error.ts';
import { effectiveSettings } from '../config/effective-settings.ts';
import { defaultConfigPath, readConfigText } from '../config/load-config.ts';
import { parseConfig } from '../config/parse-config.ts';
import { quoteText } from '../quote-text.ts';
import type { CommandIo } from './command-io.ts';
import { exitConfig } from './exit-config.ts';
import { formatTable } from './table.ts';
import { UsageError, parseUsage } from './usage-error.ts';

const usage = `Usage: node-driver config check|show [--config FILE] [--json]

Reads a configuration as the daemon would. No daemon is asked.

Commands:
  check  say what is wrong with it
  show   print what holds with it: every key, and on which line it was set

Options:
  --config FILE  the configuration, by default
                 ${defaultConfigPath}
  --json         print one line of JSON
  --help         print this text

Example:
  node-driver config check --config new.conf && mv new.conf ${defaultConfigPath}

Exit status: 0 it is good, 1 failed, 2 wrong usage, 78 bad configuration
`;

/** `node-driver config`. Returns the exit status. */
export async function configCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseUsage('config', {
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const [command, ...others] = positionals;
  if ((command !== 'check' && command !== 'show') || others.length > 0)
    throw new UsageError('Cannot run config: say "check" or "show"; see node-driver config --help');
  const file = values.config ?? defaultConfigPath;
  let text: string;
  try {
    text = await readConfigText(values.config);
    parseConfig(text, file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return reportProblems(error, values.json, io);
  }
  if (command === 'check')
    io.stdout(
      values.json ? toJson({ file, problems: [] }) : `The configuration ${quoteText(file)} is good\n`,
    );
  else io.stdout(values.json ? toJson({ file, settings: effectiveSettings(text) }) : formatSettings(text));
  return 0;
}

function reportProblems({ fileName, problems, message }: ConfigError, json: boolean, io: CommandIo): number {
  if (json) io.stdout(toJson({ file: fileName, problems }));
  else io.stderr(`${message}\n`);
  return exitConfig;
}

/** It can be used as a configuration itself. */
function formatSettings(text: string): string {
  const rows = effectiveSettings(text).map(({ key, value, line }) => [
    key,
    `= ${value}`,
    line === null ? '# default' : `# line ${line}`,
  ]);
  return formatTable(rows);
}

function toJson(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
