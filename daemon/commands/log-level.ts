import { wordFromProto } from '../api/from-proto.ts';
import { logLevelNames } from '../api/to-proto.ts';
import { logLevels } from '../observe/log-level.ts';
import { quoteText } from '../quote-text.ts';
import type { CommandIo } from './command-io.ts';
import { UsageError, parseUsage } from './usage-error.ts';
import { defaultApiSocket, withApiClient } from './with-api-client.ts';

const usage = `Usage: node-driver log-level [--socket PATH]
       node-driver log-level ${logLevels.join('|')} [--socket PATH]

Prints the least severe messages that the daemon logs, or has it log others from
now on. A daemon that starts again begins with what its configuration says.

Options:
  --socket PATH  the daemon's API, by default
                 ${defaultApiSocket}
  --help         print this text

Exit status: 0 done, 1 no answer, 2 wrong usage
`;

/** `node-driver log-level`. Returns the exit status. */
export async function logLevelCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseUsage('log-level', {
    args: [...args],
    allowPositionals: true,
    options: {
      socket: { type: 'string', default: defaultApiSocket },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const [word, ...more] = positionals;
  const level = logLevels.find((each) => each === word);
  if (word !== undefined && (level === undefined || more.length > 0))
    throw new UsageError(
      `Cannot log from ${quoteText(positionals.join(' '))} on: say one of ${logLevels.join(', ')}`,
    );
  await withApiClient(values.socket, async (client) => {
    if (level === undefined) io.stdout(`${wordFromProto(await client.getLogLevel())}\n`);
    else {
      const previous = await client.setLogLevel(logLevelNames[level]);
      io.stdout(`${level} (was ${wordFromProto(previous)})\n`);
    }
  });
  return 0;
}
