import path from 'node:path';

import { Refusal } from '../errors.ts';
import { CrowdedError, type Asker } from '../fair-queue.ts';
import type { Broker } from '../host/broker.ts';
import { ReadFileError } from '../host/read-file-error.ts';
import type { Credentials } from '../target/target.ts';
import { Secret } from './secret.ts';

const MAX_SECRET = 16 * 1024;
const MAX_EXPIRES_AT = 256;
const DEADLINE_MS = 2000;

/** Whose file to read: the `/proc/PID` directory of a pinned process, the ids to read it with, and its pod's, if any. */
export interface SecretOwner {
  readonly directory: number;
  readonly credentials: Credentials;
  readonly podUid: string | null;
  /** Who wants to know. */
  readonly asker?: Asker;
}

function reasonOf({ step, code }: ReadFileError, maxSize: number): string {
  switch (step) {
    case 'root':
      return `the root directory of the pod cannot be opened (${code})`;
    case 'open':
      return `it cannot be opened (${code})`;
    case 'type':
      return 'it is not a regular file';
    case 'size':
      return `it is larger than ${maxSize} bytes`;
    case 'content':
      return `it cannot be read (${code})`;
    case 'deadline':
      return 'the file system of the pod did not answer in time';
    case 'hanging':
      return 'its file system holds too many readers who can not be ended';
  }
}

/** Other pods' doing, and not this one's. */
function tooManyHang(cause: Error): Refusal {
  return new Refusal(
    'busy',
    'Cannot read the secret of the pod: the file systems of too many other pods do not answer',
    "delete the pods of which the node driver's log says that they did not answer in time",
    { cause },
  );
}

/** Reads the secret out of a pod, through the broker: no path of a pod is ever opened by this process. */
export class PodSecretReader {
  readonly #broker: Broker;
  readonly secretFile: string;
  readonly expiresAtFile: string;

  constructor(broker: Broker, secretFile: string) {
    this.#broker = broker;
    this.secretFile = secretFile;
    this.expiresAtFile = path.join(path.dirname(secretFile), 'expires-at');
  }

  /**
   * @throws Refusal `secret-file` when the pod has none, or one that is not what a secret should be; `busy` while too many
   *   wait for this pod, or too many other pods do not answer
   */
  async readSecret(owner: SecretOwner): Promise<Secret> {
    const bytes = await this.#readFile(owner, this.secretFile, MAX_SECRET);
    if (bytes === null) throw this.#refusal(this.secretFile, 'it does not exist');
    const secret = Secret.fromBytes(bytes);
    bytes.fill(0);
    if (secret.isEmpty) throw this.#refusal(this.secretFile, 'it is empty');
    return secret;
  }

  /**
   * The text of the file `expires-at` beside the secret; `null` where there is none.
   *
   * @throws Refusal `secret-file` or `busy`
   */
  async readExpiry(owner: SecretOwner): Promise<string | null> {
    const bytes = await this.#readFile(owner, this.expiresAtFile, MAX_EXPIRES_AT);
    return bytes?.toString('utf8') ?? null;
  }

  async #readFile(owner: SecretOwner, file: string, maxSize: number): Promise<Buffer | null> {
    const { uid, gid, groups } = owner.credentials;
    const request = { path: file, uid, gid, groups: groups.slice(0, 256), maxSize, deadlineMs: DEADLINE_MS };
    try {
      return await this.#broker.readFile(owner.directory, request, owner.podUid, owner.asker);
    } catch (error) {
      if (error instanceof CrowdedError) throw crowded(file, error);
      if (!(error instanceof ReadFileError)) throw error;
      if (error.step === 'open' && error.code === 'ENOENT') return null;
      if (error.step === 'hanging' && error.code === 'EAGAIN') throw tooManyHang(error);
      throw this.#refusal(file, reasonOf(error, maxSize), error);
    }
  }

  #refusal(file: string, why: string, cause?: Error): Refusal {
    const isSlow = cause instanceof ReadFileError && (cause.step === 'deadline' || cause.step === 'hanging');
    return new Refusal(
      'secret-file',
      `Cannot read "${file}" of the pod: ${why}`,
      isSlow
        ? 'mend what serves that file system, or start the pod anew'
        : file === this.expiresAtFile
          ? 'mend the key "expires-at" of the Kubernetes Secret, or remove it so that "secret-lifetime" holds'
          : 'mount a Kubernetes Secret with the key "secret" there, or set "secret-file" in qemu-kube.conf',
      cause === undefined ? {} : { cause },
    );
  }
}

function crowded(file: string, cause: Error): Refusal {
  return new Refusal(
    'busy',
    `Cannot read "${file}" of the pod now: too many others wait for the files of this pod`,
    'start the VM again in a moment',
    { cause },
  );
}
