import type { Writable } from 'node:stream';

import { AuditError } from './audit-error.ts';
import { AuditFile } from './audit-file.ts';
import type { AuditRecord } from './audit-record.ts';
import { AuditStream } from './audit-stream.ts';
import { encodeAuditRecord } from './encode-audit-record.ts';

export interface AuditLogOptions {
  /** `null`: there is no file. */
  readonly path: string | null;
  /** Gets the same lines; `null`: nothing does. */
  readonly stream: Writable | null;
  /** Nothing is allowed that can't be noted in the file. */
  readonly isRequired: boolean;
  /** Told about each line that is lost. */
  readonly onLost: (error: AuditError, about: Pick<AuditRecord, 'launchId'>) => void;
}

/** Where decisions are noted for good. */
export class AuditLog implements Disposable {
  readonly #options: AuditLogOptions;
  readonly #stream: AuditStream | null;
  #file: AuditFile | null;

  /** @throws AuditError when it is required and can't be opened */
  constructor(options: AuditLogOptions) {
    this.#options = options;
    const { stream, onLost } = options;
    this.#stream =
      stream === null ? null : new AuditStream(stream, (error) => onLost(error, { launchId: null }));
    this.#file = null;
    if (options.path === null) return;
    try {
      this.#file = new AuditFile(options.path);
    } catch (error) {
      if (options.isRequired || !(error instanceof AuditError)) throw error;
      onLost(error, { launchId: null });
    }
  }

  /** @throws AuditError when the line is lost and the log is required */
  write(record: AuditRecord): void {
    const { path, isRequired } = this.#options;
    const line = encodeAuditRecord(record, new Date());
    const error =
      path === null
        ? null
        : this.#attempt(record, () => {
            this.#file ??= new AuditFile(path);
            this.#file.append(line);
          });
    // The stream is not told of what is not allowed for want of the file.
    if (error !== null && isRequired) throw error;
    this.#attempt(record, () => this.#stream?.append(line));
  }

  #attempt(record: AuditRecord, append: () => void): AuditError | null {
    try {
      append();
      return null;
    } catch (error) {
      if (!(error instanceof AuditError)) throw error;
      this.#options.onLost(error, record);
      return error;
    }
  }

  /** After the file was moved away. */
  reopen(): void {
    try {
      this.#file?.reopen();
    } catch (error) {
      if (!(error instanceof AuditError)) throw error;
      this.#options.onLost(error, { launchId: null });
    }
  }

  [Symbol.dispose](): void {
    this.#file?.[Symbol.dispose]();
    this.#file = null;
  }
}
