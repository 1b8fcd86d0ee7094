/** Something that must hold before the daemon can serve, e.g. `launch-socket`. */
export interface Condition {
  readonly name: string;
  readonly ok: boolean;
  /** In plain words, for whoever reads `/readyz`. */
  readonly reason: string;
}

/** What `/healthz` or `/readyz` answers. */
export interface HealthReport {
  readonly ok: boolean;
  readonly conditions: readonly Condition[];
}

/**
 * Whether the daemon is alive (it need not be restarted) and ready (it can serve). Liveness depends on nothing
 * outside the process: a restart would not mend that.
 */
export class Health {
  readonly #conditions = new Map<string, Condition>();
  readonly #listeners = new Set<(ready: boolean) => void>();
  #fault: string | null = null;

  /** Every condition is unmet until it is set. */
  constructor(conditions: readonly string[]) {
    for (const name of conditions) this.#conditions.set(name, { name, ok: false, reason: 'not reached yet' });
  }

  /** @throws Error for a condition that the constructor was not told of: nobody would have waited for it */
  set(name: string, ok: boolean, reason = ok ? 'ok' : 'failed'): void {
    if (!this.#conditions.has(name))
      throw new Error(`Cannot set the condition "${name}": it is not declared`);
    const before = this.ready().ok;
    this.#conditions.set(name, { name, ok, reason });
    this.#tell(before);
  }

  /** The process cannot recover: whoever watches it should restart it. */
  fail(reason: string): void {
    const before = this.ready().ok;
    this.#fault ??= reason;
    this.#tell(before);
  }

  live(): HealthReport {
    return {
      ok: this.#fault === null,
      conditions: [{ name: 'process', ok: this.#fault === null, reason: this.#fault ?? 'ok' }],
    };
  }

  ready(): HealthReport {
    const conditions = [...this.live().conditions, ...this.#conditions.values()];
    return { ok: conditions.every(({ ok }) => ok), conditions };
  }

  /** Calls back whenever readiness changes. */
  onChange(listener: (ready: boolean) => void): void {
    this.#listeners.add(listener);
  }

  #tell(before: boolean): void {
    const now = this.ready().ok;
    if (now !== before) for (const listener of this.#listeners) listener(now);
  }
}
