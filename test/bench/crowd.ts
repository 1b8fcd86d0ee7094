import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Scratch } from '../support/scratch.ts';

const program = join(import.meta.dirname, '../fixtures/build/crowd');

/** Processes of the node that do nothing, so that there are as many as wanted. */
export class Crowd {
  readonly #scratch: Scratch;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  static count(): number {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length;
  }

  /** Adds what is missing; there are never fewer than before. */
  async growTo(processes: number): Promise<void> {
    const missing = processes - Crowd.count() - 1;
    if (missing <= 0) return;
    const child = spawn(program, [String(missing)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#scratch.defer('end the crowd', async () => {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    });
    await once(child.stdout, 'data');
  }
}
