import type { Writable } from 'node:stream';

import { AuditError } from './audit-error.ts';
import { mostWaitingBytes } from './most-waiting-bytes.ts';

const newline = '\n';

/** Lines for whoever reads the daemon's standard output. What is lost of them is told, and keeps nobody waiting. */
export class AuditStream {
  readonly #stream: Writable;

  /** @param onLost told later of a line that was not taken */
  constructor(stream: Writable, onLost: (error: AuditError) => void) {
    this.#stream = stream;
    stream.on('error', (error) => onLost(lost(error.message, error)));
  }

  /** @throws AuditError when too much waits already */
  append(line: string): void {
    const { writableLength } = this.#stream;
    if (writableLength > mostWaitingBytes) throw lost(`${writableLength} bytes wait for a reader`);
    this.#stream.write(`${line}${newline}`);
  }
}

function lost(why: string, cause?: Error): AuditError {
  return new AuditError(`Cannot write the audit log to standard output: ${why}`, { cause });
}
