import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { waitUntil } from './wait-until.ts';

/** The guest's serial console, read from the unix socket on which QEMU offers it. */
export class SerialConsole {
  readonly #socket: Socket;
  #text = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => (this.#text += String(chunk)));
    socket.on('error', () => undefined); // the end of QEMU
  }

  static async open(path: string): Promise<SerialConsole> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new SerialConsole(socket);
  }

  /** All that was read so far. */
  get text(): string {
    return this.#text;
  }

  /** Types on the console. */
  send(text: string): void {
    this.#socket.write(text);
  }

  /** Waits for a whole line that contains or matches `text`, and gives it without the characters around it. */
  async waitForLine(text: string | RegExp, timeout: number): Promise<string> {
    const isWanted = (line: string): boolean =>
      typeof text === 'string' ? line.includes(text) : text.test(line);
    const find = (): string | undefined =>
      this.#text
        .split(/\r\n/)
        .slice(0, -1)
        .map((line) => line.trim())
        .find(isWanted);
    return waitUntil(`the serial console says "${String(text)}"`, find, timeout);
  }

  close(): void {
    this.#socket.destroy();
  }
}
