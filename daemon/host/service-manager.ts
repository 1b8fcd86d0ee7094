import { setTimeout as delay } from 'node:timers/promises';

import { hasCode, SystemCallError } from '../errors.ts';
import type { Libc } from './libc.ts';

/** What a service manager puts into the environment of a service that is to report: sd_notify(3), sd_watchdog_enabled(3). */
const variables = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const;

/** So often a status is sent again, where it has changed. */
const STATUS_INTERVAL_MS = 2000;
/** A manager that executes itself anew reads nothing for a moment. */
const RETRY_MS = 100;
const RETRIES = 50;

export interface ServiceManagerOptions {
  readonly libc: Pick<Libc, 'sendDatagram'>;
  /** What it finds there for itself it takes out, so that nothing this process starts reports in its name. */
  readonly environment: NodeJS.ProcessEnv;
  /** Told once when the manager can't be reached: a service goes on without. */
  readonly onError: (error: Error) => void;
}

/** Who started this process and wants to know how it does: systemd, or nobody. */
export class ServiceManager {
  readonly #libc: Pick<Libc, 'sendDatagram'>;
  readonly #onError: (error: Error) => void;
  readonly #address: string;
  readonly #watchdogMs: number;
  readonly #timers: NodeJS.Timeout[] = [];
  #status = '';
  #hasFailed = false;
  /** Messages keep their order also where one has to wait. */
  #turn: Promise<void> = Promise.resolve();

  constructor({ libc, environment, onError }: ServiceManagerOptions) {
    this.#libc = libc;
    this.#onError = onError;
    this.#address = environment['NOTIFY_SOCKET'] ?? '';
    this.#watchdogMs = watchdogOf(environment);
    for (const name of variables) Reflect.deleteProperty(environment, name);
  }

  /**
   * The service serves. From now on the manager is told the status whenever it has changed, and hears of this process in
   * time where it wants to.
   *
   * @param status one line for people
   */
  ready(status: () => string): Promise<void> {
    if (this.#address === '') return Promise.resolve();
    this.#every(STATUS_INTERVAL_MS, () => this.#tell(status()));
    // From the main thread: one that hangs is what the manager waits for.
    if (this.#watchdogMs > 0) this.#every(this.#watchdogMs / 2, () => void this.#send('WATCHDOG=1'));
    this.#status = status();
    return this.#send('READY=1', statusLine(this.#status));
  }

  /** One line for people, before the service is ready. */
  starting(status: string): Promise<void> {
    return this.#send(statusLine(status));
  }

  /** The service takes on what was changed, and serves on. */
  async reload(work: () => void): Promise<void> {
    await this.#send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
    try {
      work();
    } finally {
      await this.#send('READY=1');
    }
  }

  /** The service was told to stop, or has failed. */
  stopping(status: string): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    return this.#send('STOPPING=1', statusLine(status));
  }

  #every(interval: number, act: () => void): void {
    this.#timers.push(setInterval(act, interval).unref());
  }

  #tell(status: string): void {
    if (status === this.#status) return;
    this.#status = status;
    void this.#send(statusLine(status));
  }

  #send(...lines: readonly string[]): Promise<void> {
    if (this.#address !== '')
      this.#turn = this.#turn.then(() => this.#sendNow(Buffer.from(lines.join('\n'))));
    return this.#turn;
  }

  async #sendNow(message: Buffer): Promise<void> {
    for (let attempt = 0; ; attempt++)
      try {
        this.#libc.sendDatagram(this.#address, message);
        return;
      } catch (error) {
        if (!hasCode(error, 'EAGAIN') || attempt >= RETRIES) {
          this.#failed(error);
          return;
        }
        await delay(RETRY_MS);
      }
  }

  #failed(error: unknown): void {
    if (!(error instanceof SystemCallError)) throw error;
    if (!this.#hasFailed) this.#onError(error);
    this.#hasFailed = true;
  }
}

/** A line more would be another message. */
function statusLine(status: string): string {
  return `STATUS=${status.replaceAll(/\s+/gu, ' ')}`;
}

/** Within so many milliseconds the manager wants to hear of this process; 0 where it does not. */
function watchdogOf(environment: NodeJS.ProcessEnv): number {
  const forUs = environment['WATCHDOG_PID'] ?? String(process.pid);
  const microseconds = Number(environment['WATCHDOG_USEC'] ?? 0);
  return forUs === String(process.pid) && Number.isSafeInteger(microseconds) ? microseconds / 1000 : 0;
}
