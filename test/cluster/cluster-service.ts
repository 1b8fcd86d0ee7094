import { readFileSync } from 'node:fs';
import { endProcess, isRunning, type ProcessIdentity } from '../support/processes.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { ClusterPlace } from './cluster-place.ts';

/** A program of the cluster that runs until it is ended. */
export class ClusterService {
  readonly name: string;
  readonly #place: ClusterPlace;
  #process: ProcessIdentity | undefined;

  constructor(place: ClusterPlace, name: string) {
    this.#place = place;
    this.name = name;
  }

  /** Starts it and waits until it is ready; fails at once where it ends. */
  async start(command: readonly string[], isReady: () => boolean | Promise<boolean>): Promise<void> {
    const started = await this.#place.run(this.name, command);
    this.#process = started;
    this.#place.scratch.defer(`end ${this.name}`, () => this.end());
    await waitUntil(
      `${this.name} is ready`,
      async () => {
        if (isRunning(started)) return (await isReady()) ? true : undefined;
        throw new Error(`Cannot start ${this.name}: ${this.log.trim().slice(-3000)}`);
      },
      120_000,
      200,
    );
  }

  get log(): string {
    return readFileSync(this.#place.logOf(this.name), 'utf8');
  }

  async end(): Promise<void> {
    if (this.#process !== undefined) await endProcess(this.#process, 15_000);
  }
}
