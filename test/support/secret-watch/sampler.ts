import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { FoundProcess } from './process-search.ts';
import type { FromSampler, ToSampler } from './sampler-messages.ts';

/** The program that searches processes, as `SecretWatch` sees it: it is started with the first secret. */
export class Sampler {
  readonly #onFound: (found: FoundProcess) => void;
  #child: ChildProcess | undefined;
  #samples: Readonly<Record<string, number>> = {};

  constructor(onFound: (found: FoundProcess) => void) {
    this.#onFound = onFound;
  }

  /** Environments and command lines that were read, by kind of process; whole once it has stopped. */
  get samples(): Readonly<Record<string, number>> {
    return this.#samples;
  }

  add(secret: string): void {
    this.#child ??= this.#start();
    this.#tell({ kind: 'secret', secret });
  }

  forget(): void {
    this.#tell({ kind: 'forget' });
  }

  /** Ends it, after a last look. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const reported = new Promise<void>((resolve) => {
      child.on('message', (message: FromSampler) => message.kind === 'samples' && resolve());
      child.once('exit', () => resolve());
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    this.#tell({ kind: 'report' });
    child.ref();
    await reported;
    if (child.connected) child.disconnect();
    await ended;
  }

  #tell(message: ToSampler): void {
    // One that has ended is missed by the counts.
    if (this.#child?.connected === true) this.#child.send(message, () => undefined);
  }

  #start(): ChildProcess {
    const child = fork(join(import.meta.dirname, 'process-sampler.ts'), { stdio: 'inherit' });
    child.on('message', (message: FromSampler) => {
      if (message.kind === 'samples') this.#samples = message.samples;
      else this.#onFound(message.found);
    });
    child.unref();
    child.channel?.unref();
    return child;
  }
}
