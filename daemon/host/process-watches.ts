import { brokerFrameTypes, type BrokerFrame } from './broker-frames.ts';
import type { BrokerLink } from './broker-link.ts';

/** After this long a watch is tried again that could not be made. */
const RETRY_MS = 1000;

/** How a process ended; `unknown` where the kernel does not tell (before Linux 6.15), or nobody has reaped it. */
export interface ProcessEnd {
  readonly kind: 'exit' | 'signal' | 'unknown';
  /** Exit status, or signal number; absent when unknown. */
  readonly value?: number;
}

interface Watch {
  readonly pidfd: number;
  readonly onEnd: (end: ProcessEnd) => void;
}

/** Whose end the broker is to tell; made again with each new broker. */
export class ProcessWatches {
  readonly #link: BrokerLink;
  readonly #watches = new Map<number, Watch>();

  constructor(link: BrokerLink) {
    this.#link = link;
  }

  /** @param pidfd open until `onEnd` is called, or until the watch is disposed of */
  add(pidfd: number, onEnd: (end: ProcessEnd) => void): Disposable {
    const id = this.#link.takeId();
    this.#watches.set(id, { pidfd, onEnd });
    this.#send(id, pidfd);
    return {
      [Symbol.dispose]: () => {
        if (this.#watches.delete(id))
          // In vain where the broker is gone, and its watches with it.
          this.#link.tell(id, brokerFrameTypes.forget, [], () => true).catch(() => undefined);
      },
    };
  }

  sendAll(): void {
    for (const [id, { pidfd }] of this.#watches) this.#send(id, pidfd);
  }

  clear(): void {
    this.#watches.clear();
  }

  ended({ id, payload }: BrokerFrame): void {
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    if (payload.readUInt32LE(0) !== 0) {
      this.#retry(id, watch.pidfd);
      return;
    }
    this.#watches.delete(id);
    const kind = (['exit', 'signal'] as const)[payload.readUInt32LE(4)];
    watch.onEnd(kind === undefined ? { kind: 'unknown' } : { kind, value: payload.readUInt32LE(8) });
  }

  #send(id: number, pidfd: number): void {
    this.#link
      .tell(id, brokerFrameTypes.watch, [pidfd], () => this.#watches.has(id))
      .catch(() => this.#retry(id, pidfd));
  }

  #retry(id: number, pidfd: number): void {
    setTimeout(() => {
      if (this.#watches.has(id)) this.#send(id, pidfd);
    }, RETRY_MS).unref();
  }
}
