import { createPrivateKey, type KeyObject } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { hasCode } from '../errors.ts';
import { quoteText } from '../quote-text.ts';

const MAX_SIZE = 64 * 1024;
export const smallestModulus = 2048;
/** Decrypting takes eight times as long for twice the bits. */
export const largestModulus = 8192;

const othersMay = 0o077;
const othersMayWrite = 0o022;
const sticky = 0o1000;

const pemForm = /^-----BEGIN PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END PRIVATE KEY-----$/;

/** A key file that is not used: `message` names the file, the cause and the remedy. */
export class KeyFileError extends Error {
  constructor(file: string, cause: string, remedy: string) {
    super(`Cannot use the private key ${quoteText(file)}: ${cause}; ${remedy}`);
    this.name = 'KeyFileError';
  }
}

/**
 * Reads an RSA key in PEM (PKCS#8) that only root, or the user of this process, can have read or written.
 * @throws KeyFileError
 */
export function readPrivateKeyFile(file: string): KeyObject {
  let fd: number;
  try {
    // Not blocking: a FIFO would wait for somebody to write.
    fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    const remedy = hasCode(error, 'ENOENT')
      ? 'make one with "node-driver secret keygen", or correct "secret-keys"'
      : 'make it a readable file, or correct "secret-keys"';
    throw new KeyFileError(
      file,
      hasCode(error, 'ENOENT') ? 'it does not exist' : `opening it fails (${code})`,
      remedy,
    );
  }
  try {
    checkFile(file, fs.fstatSync(fd));
    checkParents(file, path.dirname(path.resolve(file)));
    // A Secret volume of Kubernetes consists of symlinks.
    checkParents(file, path.dirname(fs.realpathSync(file)));
    return parseKey(file, readText(file, fd));
  } finally {
    fs.closeSync(fd);
  }
}

/** Root, or who runs this: nobody else may own what keeps a key. */
function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

function checkFile(file: string, info: fs.Stats): void {
  const mode = (info.mode & 0o7777).toString(8);
  if (!info.isFile())
    throw new KeyFileError(file, 'it is not a regular file', 'name a file in "secret-keys"');
  if (!isTrusted(info.uid))
    throw new KeyFileError(file, `it belongs to uid ${info.uid}`, `chown root ${file} && chmod 600 ${file}`);
  if ((info.mode & othersMay) !== 0)
    throw new KeyFileError(
      file,
      `others than its owner have rights to it (mode ${mode})`,
      `chmod 600 ${file}`,
    );
  if (info.size > MAX_SIZE)
    throw new KeyFileError(file, `it is larger than ${MAX_SIZE} bytes`, 'put one key in PEM (PKCS#8) there');
}

/** Whoever can write a directory above puts a key of their own there. A sticky one keeps the files of others. */
function checkParents(file: string, directory: string): void {
  for (let parent = directory; ; parent = path.dirname(parent)) {
    const { uid, mode } = fs.statSync(parent);
    const who = isTrusted(uid) ? 'others than its owner' : `uid ${uid}`;
    if (!isTrusted(uid) || ((mode & othersMayWrite) !== 0 && (mode & sticky) === 0))
      throw new KeyFileError(
        file,
        `${who} can write the directory ${quoteText(parent)} above it`,
        `chown root ${parent} && chmod go-w ${parent}`,
      );
    if (parent === path.dirname(parent)) return;
  }
}

function readText(file: string, fd: number): string {
  const buffer = Buffer.alloc(MAX_SIZE + 1);
  try {
    return buffer.toString('latin1', 0, fs.readSync(fd, buffer, 0, buffer.length, 0));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new KeyFileError(file, `reading it fails (${code})`, 'check the disk');
  } finally {
    buffer.fill(0);
  }
}

function parseKey(file: string, text: string): KeyObject {
  const [, kind] = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----/.exec(text) ?? [];
  if (kind !== undefined && kind !== 'PRIVATE KEY')
    throw new KeyFileError(
      file,
      `it is a ${kind} of another format than PKCS#8 without passphrase`,
      `convert it: openssl pkcs8 -topk8 -nocrypt -in ${file}`,
    );
  let key: KeyObject;
  try {
    if (!pemForm.test(text.trim())) throw new Error('not one PEM block');
    key = createPrivateKey({ key: text, format: 'pem' });
  } catch {
    throw new KeyFileError(
      file,
      'it does not hold one private key in PEM (PKCS#8)',
      'make one with "node-driver secret keygen"',
    );
  }
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType !== 'rsa' || modulusLength < smallestModulus || modulusLength > largestModulus)
    throw new KeyFileError(
      file,
      key.asymmetricKeyType === 'rsa' ? `it is an RSA key of ${modulusLength} bits` : 'it is no RSA key',
      `use an RSA key of ${smallestModulus} to ${largestModulus} bits: "node-driver secret keygen" makes one`,
    );
  return key;
}
