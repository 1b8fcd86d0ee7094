import fs from 'node:fs';
import path from 'node:path';

import { hasCode, Refusal } from '../errors.ts';
import { JtiBook, type TokenUse, type UseVerdict } from './jti-book.ts';
import { encodeUse, JournalError, journalHeader, parseJournal, recordLength } from './ledger-journal.ts';

const FILE = 'token-ledger';
/** A pod may claim any number of VMs: all of them together have a sixteenth. */
const defaults = { capacity: 32_768, podCapacity: 2048, ownerCapacity: 512, keepMs: 10 * 60_000 };

export interface TokenLedgerOptions {
  /** Exists, and is root's alone. */
  readonly directory: string;
  /** Locks an open file for this process; throws `EAGAIN` where another has it. */
  readonly lock: (fd: number) => void;
  readonly capacity?: number;
  readonly podCapacity?: number;
  readonly ownerCapacity?: number;
}

/**
 * Which tokens were used, on disk before a launch goes on. Append-only, and rewritten when most of it is out of date.
 * One process has it at a time.
 */
export class TokenLedger {
  readonly #file: string;
  readonly #book: JtiBook;
  readonly #directory: number;
  #journal: number;
  #records: number;
  /** Claims are one after the other: of two for one token, the second sees the first. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(file: string, book: JtiBook, directory: number, journal: number) {
    this.#file = file;
    this.#book = book;
    this.#directory = directory;
    this.#journal = journal;
    this.#records = book.size;
  }

  /** @throws Error with cause and remedy when the ledger can't be read or written, or another process has it */
  static open({ directory, lock, ...limits }: TokenLedgerOptions): TokenLedger {
    const file = path.join(directory, FILE);
    const book = new JtiBook({ ...defaults, ...limits });
    const directoryFd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      lockDirectory(directory, directoryFd, lock);
      for (const use of readUses(file)) book.add(use);
      book.prune(Date.now());
      return new TokenLedger(file, book, directoryFd, writeJournal(file, book.uses, directoryFd));
    } catch (error) {
      fs.closeSync(directoryFd);
      throw error;
    }
  }

  /** True when another VM or pod has used a token with this id. */
  isForeign(id: string, owner: string): boolean {
    return this.#book.isForeign(id, owner);
  }

  /**
   * Claims a token for its owner; on disk when this is done.
   *
   * @returns false when another has it
   * @throws Refusal `secret-ledger` when it can't be noted
   */
  claim(use: TokenUse): Promise<boolean> {
    const claimed = this.#last.then(() => this.#claim(use));
    this.#last = claimed.catch(() => undefined);
    return claimed;
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#last;
    fs.closeSync(this.#journal);
    fs.closeSync(this.#directory);
  }

  async #claim(use: TokenUse): Promise<boolean> {
    const verdict = this.#book.judge(use, Date.now());
    if (verdict === 'elsewhere') return false;
    if (verdict === 'again') return true;
    if (verdict !== 'new') throw this.#full(verdict);
    try {
      if (this.#records > 2 * this.#book.size + 1024) this.#compact();
      await this.#append(encodeUse(use));
    } catch (error) {
      throw this.#unwritable(error);
    }
    this.#records += 1;
    this.#book.add(use);
    return true;
  }

  /** At a place of its own, so that what an earlier one left there when the disk was full is written over. */
  async #append(record: string): Promise<void> {
    const bytes = Buffer.from(record);
    let written = 0;
    while (written < bytes.length) {
      const position = journalHeader.length + this.#records * recordLength + written;
      written += await write(this.#journal, bytes.subarray(written), position);
    }
    await sync(this.#journal);
  }

  #compact(): void {
    const journal = writeJournal(this.#file, this.#book.uses, this.#directory);
    fs.closeSync(this.#journal);
    this.#journal = journal;
    this.#records = this.#book.size;
  }

  #full(verdict: Exclude<UseVerdict, 'new' | 'again' | 'elsewhere'>): Refusal {
    const what = {
      full: 'the ledger is full of tokens',
      'pod-full': 'the ledger has too many tokens of this pod',
      'owner-full': 'the ledger has too many tokens of this VM',
    }[verdict];
    return new Refusal(
      'secret-ledger',
      `Cannot note that the token of the domain is used: ${what} that have not expired`,
      'start the VM once some have, use one token for more than one start, or seal tokens that expire sooner',
      { detail: `${this.#file} holds ${this.#book.size} tokens` },
    );
  }

  #unwritable(error: unknown): Refusal {
    const isFull = hasCode(error, 'ENOSPC', 'EDQUOT');
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return new Refusal(
      'secret-ledger',
      `Cannot note that the token of the domain is used: ${isFull ? 'the disk is full' : `writing fails (${code})`}`,
      `${isFull ? 'free space' : 'check the disk'} under "${path.dirname(this.#file)}" of the node`,
      { cause: error, detail: `${this.#file}: ${code}` },
    );
  }
}

function lockDirectory(directory: string, fd: number, lock: (fd: number) => void): void {
  try {
    lock(fd);
  } catch (error) {
    if (!hasCode(error, 'EAGAIN')) throw error;
    throw new Error(
      `Cannot keep the token ledger in "${directory}": another node-driver does; stop it first, or set another ` +
        '"state-directory"',
      { cause: error },
    );
  }
}

function readUses(file: string): readonly TokenUse[] {
  try {
    return parseJournal(fs.readFileSync(file, 'latin1')).uses;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    if (!(error instanceof JournalError)) throw error;
    throw new Error(
      `Cannot use the token ledger "${file}": ${error.message}; move it away and start again, knowing that tokens ` +
        'used before can be used once more, for another VM or pod, until they expire',
      { cause: error },
    );
  }
}

/** Replaces the journal in one step, durably. Gives its fd. */
function writeJournal(file: string, uses: Iterable<TokenUse>, directory: number): number {
  const fresh = `${file}.new`;
  const text = [journalHeader, ...Array.from(uses, encodeUse)].join('');
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = fs.constants;
  const fd = fs.openSync(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    fs.writeFileSync(fd, text);
    fs.fsyncSync(fd);
    fs.renameSync(fresh, file);
    fs.fsyncSync(directory);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

function write(fd: number, bytes: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, bytes, 0, bytes.length, position, (error, written) =>
      error === null ? resolve(written) : reject(error),
    );
  });
}

function sync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}
