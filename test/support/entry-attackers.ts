import { spawn, type ChildProcess } from 'node:child_process';
import { identify, listDescendants, readArguments, readNamespace, signalProcess } from './processes.ts';
import { findQemuAccount } from './qemu-account.ts';
import type { Sandbox } from './sandbox.ts';
import { waitUntil } from './wait-until.ts';

/** As whom a process of the pod attacks: QEMU's user, root without capabilities, or root that may trace. */
export const attackerKinds = ['qemu', 'root', 'tracer'] as const;
export type AttackerKind = (typeof attackerKinds)[number];

/** What an attacker got. */
export interface Loot {
  /** Processes that it saw before they executed QEMU. */
  readonly seen: number;
  /** Successes of each kind before that, and after. */
  readonly early: ReadonlyMap<string, number>;
  readonly late: ReadonlyMap<string, number>;
}

const program = '/opt/fixtures/attack-entry';

function privilegesOf(kind: AttackerKind): readonly string[] {
  const none = ['--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
  const { uid, gid } = findQemuAccount();
  if (kind === 'qemu') return [`--reuid=${uid}`, `--regid=${gid}`, ...none];
  return kind === 'root' ? none : ['--inh-caps=-all,+sys_ptrace', '--bounding-set=-all,+sys_ptrace'];
}

/** A process of a pod that attacks whatever appears in it: `test/fixtures/attack-entry.c`. */
export class EntryAttacker {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #output = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString('latin1')));
    this.#ended = new Promise((resolve) => child.once('close', resolve));
  }

  static async start(pod: Sandbox, kind: AttackerKind): Promise<EntryAttacker> {
    const hasOwnUsers = readNamespace(pod.pid, 'user') !== readNamespace(process.pid, 'user');
    const users = hasOwnUsers ? ['-U'] : [];
    const enter = ['--target', String(pod.pid), ...users, '-m', '-n', '-i', '-u', '-C', '-p', '--'];
    const args = [...enter, 'setpriv', ...privilegesOf(kind), program];
    const attacker = new EntryAttacker(spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] }));
    await waitUntil(
      'the attacker attacks',
      () => (attacker.#output.startsWith('ready\n') ? true : undefined),
      10_000,
    );
    return attacker;
  }

  /** Ends it; gives what it got. */
  async stop(): Promise<Loot> {
    if (this.#child.pid !== undefined && this.#child.exitCode === null)
      for (const process of listDescendants(identify(this.#child.pid)))
        if (readArguments(process.pid)[0] === program) signalProcess(process, 'SIGTERM');
    await this.#ended;
    const rows = this.#output.split('\n').map((line) => line.split(' '));
    const column = (index: number): ReadonlyMap<string, number> =>
      new Map(rows.filter(({ length }) => length === 3).map((row) => [row[0] ?? '', Number(row[index])]));
    const seen = rows.find(([word]) => word === 'seen')?.[1];
    if (seen === undefined) throw new Error(`An attacker ended early: ${this.#output}`);
    return { seen: Number(seen), early: column(1), late: column(2) };
  }
}

/** All successes together. */
export function sumOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

/** What several attackers got together. */
export function addUp(loots: readonly Loot[]): Loot {
  const add = (pick: (loot: Loot) => ReadonlyMap<string, number>): ReadonlyMap<string, number> => {
    const sums = new Map<string, number>();
    for (const loot of loots)
      for (const [name, count] of pick(loot)) sums.set(name, (sums.get(name) ?? 0) + count);
    return sums;
  };
  return {
    seen: loots.reduce((sum, { seen }) => sum + seen, 0),
    early: add(({ early }) => early),
    late: add(({ late }) => late),
  };
}
