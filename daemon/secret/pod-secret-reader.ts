import path from 'node:path';

import { Refusal } from '../errors.ts';
import { ReadFileError, type Broker } from '../host/broker.ts';
import type { Credentials } from '../target/target.ts';
import { Secret } from './secret.ts';

const MAX_SECRET = 16 * 1024;
const MAX_EXPIRES_AT = 256;
const DEADLINE_MS = 2000;

/** What a pod holds of a secret. */
export interface PodSecret {
  readonly secret: Secret;
  /** Text of the file `expires-at` beside the secret; `null` where there is none. */
  readonly expiresAt: string | null;
}

/** Whose file to read: the `/proc/PID` directory of a pinned process, and the ids to read it with. */
export interface SecretOwner {
  readonly directory: number;
  readonly credentials: Credentials;
}

const reasons: Readonly<Record<ReadFileError['step'], string>> = {
  root: 'the root directory of the pod cannot be opened',
  open: 'it cannot be opened',
  type: 'it is not a regular file',
  size: 'it is too large',
  content: 'it cannot be read',
  deadline: 'the file system of the pod did not answer in time',
};

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

  /** @throws Refusal `secret-file` when the pod has none, or one that is not what a secret should be */
  async read(owner: SecretOwner): Promise<PodSecret> {
    const bytes = await this.#readFile(owner, this.secretFile, MAX_SECRET);
    if (bytes === null) throw this.#refusal(this.secretFile, 'it does not exist');
    const secret = Secret.fromBytes(bytes);
    bytes.fill(0);
    if (secret.isEmpty) throw this.#refusal(this.secretFile, 'it is empty');
    const expiresAt = await this.#readFile(owner, this.expiresAtFile, MAX_EXPIRES_AT);
    return { secret, expiresAt: expiresAt?.toString('utf8') ?? null };
  }

  async #readFile(owner: SecretOwner, file: string, maxSize: number): Promise<Buffer | null> {
    const { uid, gid, groups } = owner.credentials;
    const request = { path: file, uid, gid, groups: groups.slice(0, 256), maxSize, deadlineMs: DEADLINE_MS };
    try {
      return await this.#broker.readFile(owner.directory, request);
    } catch (error) {
      if (!(error instanceof ReadFileError)) throw error;
      if (error.step === 'open' && error.code === 'ENOENT') return null;
      throw this.#refusal(file, `${reasons[error.step]} (${error.code})`, error);
    }
  }

  #refusal(file: string, why: string, cause?: Error): Refusal {
    return new Refusal(
      'secret-file',
      `Cannot read the secret "${file}" of the pod: ${why}`,
      'mount a Kubernetes Secret with the key "secret" there, or set "secret-file"',
      cause === undefined ? {} : { cause },
    );
  }
}
