import { hasCode } from '../errors.ts';
import { newFinding, type CheckName, type Finding, type NodeFinding } from './finding.ts';

/** One look at the node. */
export interface Check {
  readonly name: CheckName;
  readonly look: () => Promise<readonly Finding[]> | readonly Finding[];
}

/**
 * Runs checks side by side, none for longer than its time. One that hangs (a file system that does not answer) is not
 * started again before it has ended, so that asking often does not use up what the process has for waiting.
 */
export class Examination {
  readonly #checks: readonly Check[];
  readonly #limitMs: number;
  readonly #running = new Map<string, Promise<readonly Finding[]>>();

  constructor(checks: readonly Check[], limitMs: number) {
    this.#checks = checks;
    this.#limitMs = limitMs;
  }

  /** In the order of the checks. Never rejects. */
  async run(): Promise<readonly NodeFinding[]> {
    const findings = await Promise.all(this.#checks.map((check) => this.#runOne(check)));
    return findings.flat();
  }

  async #runOne(check: Check): Promise<readonly NodeFinding[]> {
    const found = await this.#inTime(this.#running.get(check.name) ?? this.#start(check));
    return found.map((finding) => ({ check: check.name, ...finding }));
  }

  #start({ name, look }: Check): Promise<readonly Finding[]> {
    const run = Promise.resolve()
      .then(look)
      .catch((error: unknown) => [describeFailure(error)])
      .finally(() => this.#running.delete(name));
    this.#running.set(name, run);
    return run;
  }

  async #inTime(run: Promise<readonly Finding[]>): Promise<readonly Finding[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<readonly Finding[]>((resolve) => {
      timer = setTimeout(() => resolve([tooLate(this.#limitMs)]), this.#limitMs);
    });
    try {
      return await Promise.race([run, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function tooLate(limitMs: number): Finding {
  return newFinding(
    'warning',
    `there was no answer within ${limitMs / 1000} s: a file system of the node hangs`,
    {
      command: 'dmesg | tail',
    },
  );
}

function describeFailure(error: unknown): Finding {
  const reason = error instanceof Error ? error.message : String(error);
  if (hasCode(error, 'EACCES', 'EPERM'))
    return newFinding('skipped', `it can't be looked at by this user: ${reason}`, {
      command: 'sudo node-driver check',
    });
  return newFinding('warning', `it can't be looked at: ${reason}`);
}
