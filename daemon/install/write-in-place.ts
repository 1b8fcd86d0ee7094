import fs from 'node:fs';
import path from 'node:path';

export interface FileToWrite {
  readonly content: Buffer | string;
  /** With the setuid bit. */
  readonly mode: number;
  readonly gid: number;
}

/**
 * Puts a file of root's in the place of whatever is there: whoever opens or executes it gets the old one or the new one
 * as a whole, also after a crash of the machine. What runs from the old one goes on, since its file stays until it ends.
 */
export function writeInPlace(file: string, { content, mode, gid }: FileToWrite): void {
  replace(file, (temporary) => {
    const fd = fs.openSync(temporary, 'wx', 0o600);
    try {
      fs.writeFileSync(fd, content);
      // A change of the owner takes the setuid bit away.
      fs.fchownSync(fd, 0, gid);
      fs.fchmodSync(fd, mode);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  });
}

/** Puts a symbolic link in the place of whatever is there. */
export function linkInPlace(file: string, target: string): void {
  replace(file, (temporary) => fs.symlinkSync(target, temporary));
}

function replace(file: string, make: (temporary: string) => void): void {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.new`);
  fs.rmSync(temporary, { force: true });
  try {
    make(temporary);
    fs.renameSync(temporary, file);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(path.dirname(file));
}

/** Has the names of a directory on the disk. */
export function syncDirectory(directory: string): void {
  const fd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
