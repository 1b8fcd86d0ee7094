import { errorFields, type RootLogger } from '../observe/logger.ts';
import { resolvesWithin } from '../resolves-within.ts';

/** Nobody reads the log, perhaps: the process must end all the same. */
const PATIENCE_MS = 2000;

/**
 * Has an error that nobody handled be the last line of the log, behind all others, and then ends the process: what goes
 * on after it can't be trusted. Running VMs go on, and the next daemon takes them over.
 */
export function endOnFatalError(logger: Pick<RootLogger, 'error' | 'close'>): void {
  let isEnding = false;
  process.on('uncaughtException', (error: unknown) => {
    if (isEnding) return;
    isEnding = true;
    logger.error('Ended by an error that nobody handled', errorFields(error));
    void resolvesWithin(logger.close(), PATIENCE_MS).finally(() => {
      // eslint-disable-next-line no-restricted-syntax -- the log is written, and the loop may never end by itself
      process.exit(1);
    });
  });
}
