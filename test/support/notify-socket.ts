import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Scratch } from './scratch.ts';
import { waitUntil } from './wait-until.ts';

/** What a service has told its manager in one message. */
export interface Notification {
  readonly pid: number;
  readonly lines: readonly string[];
}

/** A socket as systemd has it for `Type=notify`, of Python: Node has no datagrams on Unix sockets. */
export class NotifySocket {
  readonly address: string;
  readonly #output: string;

  private constructor(address: string, output: string) {
    this.address = address;
    this.#output = output;
  }

  /** @param address a path, or `@` and a name */
  static async open(scratch: Scratch, address: string): Promise<NotifySocket> {
    const output = join(scratch.directory, `notifications-${address.replaceAll(/[@/]/gu, '-')}`);
    const program = join(import.meta.dirname, '../fixtures/receive-datagrams.py');
    await scratch.startBackground('/usr/bin/python3', [program, address], output);
    await waitUntil(
      'the socket is there',
      () => (readFileSync(output, 'utf8').startsWith('ready\n') ? true : undefined),
      5000,
    );
    return new NotifySocket(address, output);
  }

  /** All that came, in order. */
  get all(): readonly Notification[] {
    const lines = readFileSync(this.#output, 'utf8').split('\n').slice(1, -1);
    return lines.map((line) => JSON.parse(line) as Notification);
  }

  /** Waits for a message that has this line. */
  async waitFor(line: string, from = 0): Promise<Notification> {
    return waitUntil(
      `the manager is told "${line}"`,
      () => this.all.slice(from).find(({ lines }) => lines.includes(line)),
      20_000,
    );
  }
}
