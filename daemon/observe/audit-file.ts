import fs from 'node:fs';
import path from 'node:path';

import { hasCode } from '../errors.ts';
import { AuditError } from './audit-error.ts';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = fs.constants;
const newline = '\n';

/**
 * A file that lines are appended to, each in one write. It may be moved away or cut at any time: the next line goes into
 * a new file at the same path, or to the new end.
 */
export class AuditFile implements Disposable {
  readonly #path: string;
  #fd = -1;
  #inode = '';
  /** The last line is incomplete, and must not run into the next. */
  #isTorn = false;

  /** @throws AuditError when it can't be opened, or when others could write it */
  constructor(file: string) {
    this.#path = file;
    this.#open();
  }

  /** @throws AuditError */
  append(line: string): void {
    try {
      if (this.#fd < 0 || inodeOf(this.#path) !== this.#inode) this.reopen();
      const bytes = Buffer.from(`${this.#isTorn ? newline : ''}${line}${newline}`);
      const written = fs.writeSync(this.#fd, bytes);
      this.#isTorn = written < bytes.length;
      if (this.#isTorn) throw new AuditError(`only ${written} of ${bytes.length} bytes were written`);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** @throws AuditError */
  reopen(): void {
    this[Symbol.dispose]();
    this.#open();
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) fs.closeSync(this.#fd);
    this.#fd = -1;
  }

  #open(): void {
    try {
      checkDirectory(path.dirname(this.#path));
      const fd = fs.openSync(this.#path, O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY, 0o600);
      try {
        checkFile(fs.fstatSync(fd));
        fs.fchmodSync(fd, 0o600);
        this.#inode = inodeOf(this.#path);
        this.#isTorn = false;
      } catch (error) {
        fs.closeSync(fd);
        throw error;
      }
      this.#fd = fd;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): AuditError {
    const why = error instanceof Error ? error.message.replace(this.#path, 'the file') : String(error);
    if (error instanceof AuditError && error.message.startsWith('Cannot')) return error;
    return new AuditError(`Cannot write the audit log "${this.#path}": ${why}`, { cause: error });
  }
}

/** Changes when the file is another one; empty where there is none. */
function inodeOf(file: string): string {
  try {
    const { dev, ino } = fs.lstatSync(file, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  }
}

function checkDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  const { uid, mode } = fs.statSync(directory);
  if (uid !== process.geteuid?.() || (mode & 0o022) !== 0)
    throw new AuditError(
      `its directory must be root's, and neither group nor others may write it (chown root; chmod go-w)`,
    );
}

/** A link to another file, or one that somebody else keeps open, would be no log of ours. */
function checkFile(info: fs.Stats): void {
  if (!info.isFile() || info.uid !== process.geteuid?.() || info.nlink !== 1)
    throw new AuditError("it must be a regular file of root's with one name; move it away");
}
