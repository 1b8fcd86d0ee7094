import { Refusal, type RefusalCode } from '../errors.ts';
import { TokenBucket } from '../token-bucket.ts';

/** What there was too much of: the labels of a metric. */
export const limitKinds = ['connections', 'unfinished', 'rate', 'bytes', 'time', 'secrets'] as const;

export type LimitKind = (typeof limitKinds)[number];

/** A refusal for the load that others, or the caller itself, put on the daemon. */
export class Limited extends Refusal {
  readonly kind: LimitKind;

  constructor(kind: LimitKind, message: string, remedy: string, code: RefusalCode = 'busy') {
    super(code, message, remedy);
    this.kind = kind;
  }
}

export interface LaunchLimitsOptions {
  /** Connections at once, of all origins; keep it well below what there is of file descriptors. */
  readonly total: number;
  /** Unfinished requests of one origin, and as many again that are being decided on; `null`: no limit. */
  readonly perOrigin: number | null;
  /** Connections of one origin a second in the long run; `null`: no limit. */
  readonly perSecond: number | null;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** What an ordinary request stays below; only what goes beyond it is counted against its origin. */
const ORDINARY_BYTES = 256 * 1024;
/** Of one origin: held for requests that are unfinished or being decided on, and beyond ordinary in a second. */
const MAX_PENDING_BYTES = 32 * 1024 * 1024;
/** Besides, for ordinary requests: large ones that are being decided on must not keep them out. */
const ORDINARY_ROOM_BYTES = 8 * 1024 * 1024;
const LARGE_BYTES_PER_SECOND = 16 * 1024 * 1024;
const LARGE_BYTES_BURST = 64 * 1024 * 1024;
/** The burst of connections, in seconds of the rate: a node that boots starts many VMs at once. */
const BURST_SECONDS = 4;
/** Origins whose buckets are remembered; an origin is a user in a pod or in a cgroup, so there are few. */
const MAX_ORIGINS = 1024;

/** Of one process in a second. */
const MAX_CALLS = 4;

interface Origin {
  readonly connections: TokenBucket | null;
  readonly bytes: TokenBucket;
  /** The oldest first. */
  readonly unfinished: Set<Admission>;
  finished: number;
  /** Bytes of all that have not left. */
  pending: number;
}

const busyRemedy = 'start the VM again in a moment';

/** One connection that was let in. */
export class Admission {
  readonly #origin: Origin;
  readonly #limits: LaunchLimitsOptions;
  readonly #onLeft: () => void;
  readonly #refuse: (reason: Limited) => void;
  #bytes = 0;
  #state: 'unfinished' | 'finished' | 'left' = 'unfinished';

  constructor(
    origin: Origin,
    limits: LaunchLimitsOptions,
    refuse: (reason: Limited) => void,
    onLeft: () => void,
  ) {
    this.#origin = origin;
    this.#limits = limits;
    this.#refuse = refuse;
    this.#onLeft = onLeft;
    origin.unfinished.add(this);
  }

  /** @throws Limited when its origin sends too much */
  received(bytes: number): void {
    if (this.#state !== 'unfinished' || this.#limits.perOrigin === null) return;
    const origin = this.#origin;
    const beyond = (total: number): number => Math.max(0, total - ORDINARY_BYTES);
    const large = beyond(this.#bytes + bytes) - beyond(this.#bytes);
    this.#bytes += bytes;
    origin.pending += bytes;
    if (large > 0 && !origin.bytes.take(large)) throw tooMuch();
    if (origin.pending <= MAX_PENDING_BYTES) return;
    // Who holds up the most goes; what is whole stays.
    const [largest] = [...origin.unfinished].toSorted((a, b) => b.#bytes - a.#bytes);
    if (largest !== undefined && largest.#bytes <= ORDINARY_BYTES) {
      if (origin.pending > MAX_PENDING_BYTES + ORDINARY_ROOM_BYTES) throw tooMuch();
    } else if (largest === this) throw tooMuch();
    else largest?.evict(tooMuch());
  }

  /** Makes room at once. */
  evict(reason: Limited): void {
    this.left();
    this.#refuse(reason);
  }

  /** The request is whole: it is not evicted any more, and its bytes count until it has left. */
  completed(): void {
    const { perOrigin } = this.#limits;
    if (this.#state !== 'unfinished') return;
    this.#origin.unfinished.delete(this);
    this.#state = 'finished';
    this.#origin.finished++;
    if (perOrigin !== null && this.#origin.finished > perOrigin)
      throw new Limited(
        'connections',
        'Cannot take another request now: too many of this user are being decided on',
        busyRemedy,
      );
  }

  /** The connection is closed, and nothing is done for it any more. A second call does nothing. */
  left(): void {
    if (this.#state === 'left') return;
    if (this.#state === 'unfinished') this.#origin.unfinished.delete(this);
    else this.#origin.finished--;
    this.#origin.pending -= this.#bytes;
    this.#state = 'left';
    this.#onLeft();
  }
}

function tooMuch(): Limited {
  return new Limited('bytes', 'Cannot take so many large requests at once', busyRemedy);
}

/**
 * Keeps what one origin does to `launch.sock` from harming others, and, as far as that can be, an honest caller of the
 * same origin: where unfinished requests are too many, the one goes that has been unfinished for the longest, since an
 * honest stub sends all it has at once. What is whole is never given up for what comes later.
 */
export class LaunchLimits {
  readonly #options: LaunchLimitsOptions;
  readonly #origins = new Map<string, Origin>();
  /** By pid, in the second that began then: no more than there can be pids. */
  readonly #calls = new Map<number, number>();
  #callsSince = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(options: LaunchLimitsOptions) {
    this.#options = options;
  }

  /**
   * @param refuse ends the connection with this reason, while its request is not whole
   * @throws Limited when there is no room
   */
  admit(key: string, refuse: (reason: Limited) => void): Admission {
    const { perOrigin, total } = this.#options;
    const origin = this.#originOf(key);
    if (origin.connections?.take() === false)
      throw new Limited('rate', 'Cannot take another request now: this user calls too often', busyRemedy);
    if (perOrigin !== null && origin.unfinished.size >= perOrigin) evictOldest(origin);
    if (this.#count >= total) this.makeRoom();
    if (this.#count >= total) throw noRoom();
    this.#count++;
    return new Admission(origin, this.#options, refuse, () => this.#count--);
  }

  /**
   * Before anything else is found out about who calls: a stub calls once, so a process that calls again and again is
   * none, and must not cost what it takes to look at it.
   *
   * @param pid as it was when the connection was made
   */
  isRepeating(pid: number): boolean {
    const { perSecond, now } = this.#options;
    if (perSecond === null) return false;
    if (now() - this.#callsSince >= 1000) {
      this.#calls.clear();
      this.#callsSince = now();
    }
    const calls = (this.#calls.get(pid) ?? 0) + 1;
    this.#calls.set(pid, calls);
    return calls > MAX_CALLS;
  }

  get isFull(): boolean {
    return this.#count >= this.#options.total && !this.#crowded()?.unfinished.size;
  }

  /** Ends the oldest unfinished request of the origin that has the most of them. */
  makeRoom(): void {
    const crowded = this.#crowded();
    if (crowded !== undefined) evictOldest(crowded);
  }

  #crowded(): Origin | undefined {
    if (this.#options.perOrigin === null) return undefined;
    return [...this.#origins.values()].toSorted((a, b) => b.unfinished.size - a.unfinished.size)[0];
  }

  #originOf(key: string): Origin {
    const known = this.#origins.get(key);
    // The one that called last comes last.
    this.#origins.delete(key);
    const origin = known ?? this.#newOrigin();
    this.#origins.set(key, origin);
    if (this.#origins.size > MAX_ORIGINS) this.#forgetIdle();
    return origin;
  }

  #newOrigin(): Origin {
    const { perSecond, now } = this.#options;
    return {
      connections:
        perSecond === null ? null : new TokenBucket({ perSecond, burst: perSecond * BURST_SECONDS, now }),
      bytes: new TokenBucket({ perSecond: LARGE_BYTES_PER_SECOND, burst: LARGE_BYTES_BURST, now }),
      unfinished: new Set(),
      finished: 0,
      pending: 0,
    };
  }

  #forgetIdle(): void {
    for (const [key, { unfinished, finished }] of this.#origins)
      if (unfinished.size === 0 && finished === 0) {
        this.#origins.delete(key);
        return;
      }
  }
}

function evictOldest({ unfinished }: Origin): void {
  const [oldest] = unfinished;
  oldest?.evict(
    new Limited(
      'unfinished',
      'Cannot wait for the rest of the request: too many others wait for theirs',
      busyRemedy,
    ),
  );
}

function noRoom(): Limited {
  return new Limited('connections', 'Cannot take another request now', busyRemedy);
}
