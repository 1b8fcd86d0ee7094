import { createHash } from 'node:crypto';
import type { TokenUse } from './jti-book.ts';

/** First line of the file. */
export const journalHeader = 'kubevirt-node-driver token ledger 1\n';

const digestLength = 64;
const timeLength = 15;
const checkLength = 16;

/** Every record has the same length, so that one which was written in part is overwritten by the next. */
export const recordLength = 2 * (digestLength + 1) + timeLength + 1 + checkLength + 1;

const recordForm = /^([0-9a-f]{64}) ([0-9a-f]{64}) ([0-9]{15}) ([0-9a-f]{16})\n$/;

/** A journal that can't be trusted: `message` says what is wrong with it. */
export class JournalError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JournalError';
  }
}

export interface LedgerJournal {
  readonly uses: readonly TokenUse[];
  /** True when the last record was not written to its end: its launch has not gone on. */
  readonly isTorn: boolean;
}

export function encodeUse({ id, owner, expiresAt }: TokenUse): string {
  const body = `${id} ${owner} ${String(Math.ceil(expiresAt)).padStart(timeLength, '0')}`;
  return `${body} ${checkOf(body)}\n`;
}

/**
 * Reads a journal. Each record is on disk before the next one is begun, so only the last can be incomplete.
 * @throws JournalError
 */
export function parseJournal(text: string): LedgerJournal {
  if (!text.startsWith(journalHeader))
    throw new JournalError('it does not begin as a ledger of this version');
  const uses: TokenUse[] = [];
  for (let begin = journalHeader.length; begin < text.length; begin += recordLength) {
    const use = parseUse(text.slice(begin, begin + recordLength));
    if (use !== null) uses.push(use);
    else if (begin + recordLength >= text.length) return { uses, isTorn: true };
    else throw new JournalError(`its record ${uses.length + 1} is damaged`);
  }
  return { uses, isTorn: false };
}

function parseUse(record: string): TokenUse | null {
  const [, id = '', owner = '', time = '', check] = recordForm.exec(record) ?? [];
  if (check !== checkOf(`${id} ${owner} ${time}`)) return null;
  return { id, owner, expiresAt: Number(time) };
}

function checkOf(body: string): string {
  return createHash('sha256').update(body).digest('hex').slice(0, checkLength);
}
