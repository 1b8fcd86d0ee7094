import { parseArgs, type ParseArgsConfig } from 'node:util';

/** The command line itself is wrong: exit status 2. */
export class UsageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UsageError';
  }
}

/**
 * `parseArgs` of Node, with errors that are fit to be shown.
 *
 * @throws UsageError
 */
export function parseUsage<Config extends ParseArgsConfig>(
  command: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    // Node appends advice about `--` that is longer than the fault.
    const [cause = ''] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/u);
    throw new UsageError(`Cannot run ${command}: ${cause}; see node-driver ${command} --help`, {
      cause: error,
    });
  }
}
