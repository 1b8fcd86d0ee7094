import { randomBytes } from 'node:crypto';
import { appendFileSync, chownSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CompatibilityRow } from '../compatibility-row.ts';
import { describeResult } from '../describe-result.ts';
import type { Stage } from '../stage.ts';
import type { Heartbeat, TestMachine } from '../test-machine.ts';
import { signalProcess } from '../../support/processes.ts';
import type { CommandResult } from '../../support/run-command.ts';
import { waitUntil } from '../../support/wait-until.ts';

const group = 'Migration between two libvirtd, each end in its own pod';
/** QEMU copies 16 MiB at once and sleeps then, so that this takes 8 s at 4 MiB/s: long enough to be interrupted. */
export const SLOW_DISK_BYTES = 33_554_432;

export interface Ends {
  readonly source: TestMachine;
  readonly destination: TestMachine;
  readonly before: Heartbeat;
  /** Copies memory, and a disk that the ends do not share; by default to the destination as it is defined. */
  readonly migrate: (options?: readonly string[], xml?: string) => Promise<CommandResult>;
}

/** A running machine, and where it can go with its disk. */
export async function withEnds<T>(stage: Stage, bytes: number, use: (ends: Ends) => Promise<T>): Promise<T> {
  const source = await stage.newMachine();
  const { name, uuid } = source;
  appendFileSync(source.disk, randomBytes(bytes));
  const disk = `${source.disk}.moved`;
  writeFileSync(disk, Buffer.alloc(statSync(source.disk).size));
  const { uid, gid } = stage.libvirt.account;
  chownSync(disk, uid, gid);
  const destination = await stage.newDestination({ name, uuid, disk });
  try {
    await source.start();
    const uris = [
      ...(['--desturi', destination.libvirt.uri] as const),
      ...(['--migrateuri', `unix://${join(stage.volume, `${name}.memory`)}`] as const),
      ...(['--disks-uri', `unix://${join(stage.volume, `${name}.disks`)}`] as const),
    ];
    const migrate = (
      options: readonly string[] = [],
      xml: string = destination.xml,
    ): Promise<CommandResult> => {
      const file = destination.writeXml(xml);
      return source.virsh('migrate', '--live', '--copy-storage-all', ...uris, '--xml', file, ...options);
    };
    return await use({ source, destination, before: await source.heartbeat(), migrate });
  } finally {
    await destination.remove();
    await source.remove();
  }
}

/** Waits until a migration has begun to copy a disk. */
export async function untilCopying(source: TestMachine): Promise<void> {
  const copies = async (): Promise<true | undefined> =>
    /File processed: +[1-9]/.test((await source.virsh('domjobinfo')).stdout) ? true : undefined;
  await waitUntil('the disk is being copied', copies, 15_000);
}

/** A row whose migration does not come to its end. */
function interrupted(operation: string, interrupt: (ends: Ends) => Promise<unknown>): CompatibilityRow {
  return {
    group,
    operation,
    run: (stage) =>
      withEnds(stage, SLOW_DISK_BYTES, async (ends) => {
        const { source, destination, before, migrate } = ends;
        const migration = migrate(['--bandwidth', '4']);
        await untilCopying(source);
        await interrupt(ends);
        const result = await migration;
        return {
          result: result.status === 0 ? 'done' : 'error',
          source: (await source.state()).replace(/ \(.*/, ''),
          guest: await source.since(before),
          job: /^Job type: +(\S+)/m.exec((await source.virsh('domjobinfo')).stdout)?.[1] ?? 'unknown',
          destination: await destination.state(),
          'left of the destination': await destination.whatIsLeft(),
        };
      }),
  };
}

/** Migrations with the disks, to the end and not. */
export const interruptedMigrationRows: readonly CompatibilityRow[] = [
  {
    group,
    operation: 'migrate --live --copy-storage-all',
    run: (stage) =>
      withEnds(stage, 0, async ({ source, destination, before, migrate }) => {
        const { qemu, knownProcess } = source;
        const original = readFileSync(source.disk);
        const result = await migrate(['--persistent', '--persistent-xml', destination.writeXml()]);
        if (result.status !== 0) return { result: describeResult(result), source: await source.state() };
        return {
          result: describeResult(result),
          source: await source.waitForState(/shut off/),
          'left of the source': await source.whatIsLeft(qemu, knownProcess),
          destination: await destination.state(),
          guest: await destination.since(before),
          disk: readFileSync(destination.disk).equals(original) ? 'the same' : 'another',
        };
      }),
  },
  interrupted('migrate, domjobabort', ({ source }) => source.do('domjobabort')),
  interrupted('migrate, and kill -9 of the emulator it goes to', ({ destination }) =>
    Promise.resolve(signalProcess(destination.qemu, 'SIGKILL')),
  ),
];
