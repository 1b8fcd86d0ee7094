import type { LaunchMode } from '../machines/machine.ts';
import { ProtocolError } from './protocol-error.ts';
import type { ProtocolErrorCode } from './protocol-error.ts';

/** What a stub hands over. Strings are bytes: nothing says that they are UTF-8, and they are passed on unchanged. */
export interface LaunchRequest {
  readonly mode: LaunchMode;
  /** How many fds the stub has inherited and will pass on when asked. */
  readonly fdCount: number;
  readonly cwd: Buffer;
  readonly argv: readonly Buffer[];
  /** Environment as the stub found it, entries without `=` included. */
  readonly env: readonly Buffer[];
}

const maxFds = 1000;
const maxStrings = 4096;
const maxCwdLength = 4095;
/** What the kernel passes to a program, and so to the stub, in one string: 128 KiB with its NUL, on pages of 4 KiB. */
const maxStringLength = 131_071;
const slash = 0x2f;

/**
 * Reads the payload of a REQUEST frame. The strings of the result share the payload's memory.
 * @throws ProtocolError for whatever docs/protocol.md, section 1, does not permit
 */
export function parseLaunchRequest(payload: Buffer): LaunchRequest {
  const cursor = new Cursor(payload);
  const mode = launchMode(cursor.readNumber());
  const fdCount = checkCount(cursor.readNumber(), 0, maxFds, 'too-many-fds', 'inherited fds');
  const argc = checkCount(cursor.readNumber(), 1, maxStrings, 'argc', 'arguments');
  const envc = checkCount(cursor.readNumber(), 0, maxStrings, 'envc', 'environment entries');
  const cwd = cursor.readString(maxCwdLength);
  if (cwd[0] !== slash)
    throw new ProtocolError('cwd', 'Cannot accept a request: its working directory is not an absolute path');
  const argv = cursor.readStrings(argc);
  const env = cursor.readStrings(envc);
  if (cursor.left > 0)
    throw new ProtocolError(
      'trailing-bytes',
      `Cannot accept a request: ${cursor.left} bytes follow its last string`,
    );
  return { mode, fdCount, cwd, argv, env };
}

function launchMode(value: number): LaunchMode {
  if (value === 0) return 'fork';
  if (value === 1) return 'exec';
  throw new ProtocolError(
    'bad-mode',
    `Cannot accept a request: mode ${value} is neither 0 (fork) nor 1 (exec)`,
  );
}

function checkCount(value: number, min: number, max: number, code: ProtocolErrorCode, what: string): number {
  if (value < min || value > max)
    throw new ProtocolError(
      code,
      `Cannot accept a request with ${value} ${what}: ${min} to ${max} are permitted`,
    );
  return value;
}

class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  readNumber(): number {
    return this.#take(4).readUInt32LE(0);
  }

  readString(maxLength: number): Buffer {
    const length = this.readNumber();
    if (length > maxLength)
      throw new ProtocolError(
        'string-too-long',
        `Cannot accept a request: a string of ${length} bytes is longer than the ${maxLength} permitted`,
      );
    const text = this.#take(length);
    if (text.includes(0))
      throw new ProtocolError('nul-byte', 'Cannot accept a request: one of its strings contains a NUL byte');
    return text;
  }

  readStrings(count: number): readonly Buffer[] {
    const strings: Buffer[] = [];
    for (let index = 0; index < count; index += 1) strings.push(this.readString(maxStringLength));
    return strings;
  }

  #take(length: number): Buffer {
    if (length > this.left)
      throw new ProtocolError(
        'truncated',
        `Cannot accept a request: ${length} bytes are announced where ${this.left} are left`,
      );
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }
}
