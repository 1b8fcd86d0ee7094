import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { hasCode } from '../../daemon/errors.ts';

const INIT = 26;
const GETATTR = 3;
const S_IFDIR = 0o040000;

/** The body of the answer to a request of FUSE; null: it is not answered, ever. */
function answerTo(opcode: number): Buffer | null {
  if (opcode === INIT) {
    const body = Buffer.alloc(64);
    body.writeUInt32LE(7, 0); // version 7.31
    body.writeUInt32LE(31, 4);
    body.writeUInt32LE(4096, 20); // bytes of a write
    return body;
  }
  if (opcode === GETATTR) {
    const body = Buffer.alloc(104);
    body.writeBigUInt64LE(1n, 16); // inode
    body.writeUInt32LE(S_IFDIR | 0o755, 76);
    body.writeUInt32LE(2, 80); // links
    return body;
  }
  return null;
}

/**
 * A file system whose server takes each request and does not answer it: who looks for a name in it can't be killed, either,
 * until the server is gone. Nobody of the test's own process may look into it.
 */
export class HangingFileSystem implements Disposable {
  readonly #mountPoint: string;
  readonly #device: number;
  readonly #timer: NodeJS.Timeout;
  readonly #request = Buffer.alloc(256 * 1024);
  #isMounted = true;

  private constructor(mountPoint: string, device: number) {
    this.#mountPoint = mountPoint;
    this.#device = device;
    this.#timer = setInterval(() => this.#serve(), 2);
  }

  /** Null where this machine has no FUSE. */
  static mount(mountPoint: string): HangingFileSystem | null {
    let device: number;
    try {
      device = openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK);
    } catch {
      return null;
    }
    const options = 'fd=3,rootmode=40000,user_id=0,group_id=0,allow_other';
    const { status } = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, 'none', mountPoint], {
      stdio: ['ignore', 'ignore', 'ignore', device],
    });
    if (status === 0) return new HangingFileSystem(mountPoint, device);
    closeSync(device);
    return null;
  }

  /** Whoever hangs goes on. */
  [Symbol.dispose](): void {
    if (!this.#isMounted) return;
    this.#isMounted = false;
    clearInterval(this.#timer);
    closeSync(this.#device);
    spawnSync('umount', ['-l', this.#mountPoint]);
  }

  #serve(): void {
    for (;;) {
      try {
        readSync(this.#device, this.#request);
      } catch (error) {
        if (hasCode(error, 'EINTR', 'ENOENT')) continue;
        return; // no request waits
      }
      const body = answerTo(this.#request.readUInt32LE(4));
      if (body === null) continue;
      const header = Buffer.alloc(16);
      header.writeUInt32LE(header.length + body.length, 0);
      this.#request.copy(header, 8, 8, 16); // the number of the request
      writeSync(this.#device, Buffer.concat([header, body]));
    }
  }
}
