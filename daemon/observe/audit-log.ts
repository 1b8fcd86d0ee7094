import type { AuditRecord } from './audit-record.ts';
import { AuditError, AuditFile } from './audit-file.ts';
import { encodeAuditRecord } from './encode-audit-record.ts';

export interface AuditLogOptions {
  /** `null`: there is no file. */
  readonly path: string | null;
  /** Nothing is allowed that can't be noted. */
  readonly isRequired: boolean;
  /** Told about each line that is lost. */
  readonly onLost: (error: AuditError, about: Pick<AuditRecord, 'launchId'>) => void;
}

/** Where decisions are noted for good. */
export class AuditLog implements Disposable {
  readonly #options: AuditLogOptions;
  #file: AuditFile | null;

  /** @throws AuditError when it is required and can't be opened */
  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#file = null;
    if (options.path === null) return;
    try {
      this.#file = new AuditFile(options.path);
    } catch (error) {
      if (options.isRequired || !(error instanceof AuditError)) throw error;
      options.onLost(error, { launchId: null });
    }
  }

  /** @throws AuditError when the line is lost and the log is required */
  write(record: AuditRecord): void {
    const { path, isRequired, onLost } = this.#options;
    if (path === null) return;
    const line = encodeAuditRecord(record, new Date());
    try {
      this.#file ??= new AuditFile(path);
      this.#file.append(line);
    } catch (error) {
      if (!(error instanceof AuditError)) throw error;
      onLost(error, record);
      if (isRequired) throw error;
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
