import { constants } from 'node:os';

import { quoteText } from '../quote-text.ts';
import { UsageError } from './usage-error.ts';

/**
 * The number of a signal that is given as `TERM`, `SIGTERM` or `15`. Which of them a machine may be sent is the
 * daemon's to say.
 *
 * @throws UsageError for what is no signal
 */
export function signalNumber(text: string): number {
  if (/^[1-9]\d?$/u.test(text)) return Number(text);
  const name = text.toUpperCase().replace(/^(?!SIG)/u, 'SIG');
  const number = new Map<string, number>(Object.entries(constants.signals)).get(name);
  if (number !== undefined) return number;
  throw new UsageError(`Cannot send ${quoteText(text)}: there is no such signal; name one, e.g. TERM or 15`);
}
