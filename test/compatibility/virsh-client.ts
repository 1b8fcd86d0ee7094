import { spawn, type ChildProcess } from 'node:child_process';
import { waitUntil } from '../support/wait-until.ts';

const PATIENCE_MS = 15_000;

/** A virsh that stays connected until it is killed. */
export class VirshClient {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #said = '';

  /** @param input a line that it reads as if somebody typed it; it waits for more then. */
  constructor(uri: string, args: readonly string[], input = '') {
    this.#process = spawn('virsh', ['--connect', uri, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#ended = new Promise((resolve) => this.#process.once('close', resolve));
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on('data', (text: Buffer) => (this.#said += text.toString()));
    this.#process.stdin?.write(input);
  }

  /** All that it wrote so far. */
  get said(): string {
    return this.#said;
  }

  async waitFor(text: RegExp): Promise<void> {
    const isSaid = (): true | undefined => (text.test(this.#said) ? true : undefined);
    await waitUntil(`virsh says ${text.source}`, isSaid, PATIENCE_MS);
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }
}
