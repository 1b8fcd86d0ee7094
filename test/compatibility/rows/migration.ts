import { join } from 'node:path';
import type { CompatibilityRow, Observation } from '../compatibility-row.ts';
import { describeResult } from '../describe-result.ts';
import type { Stage } from '../stage.ts';
import type { TestMachine } from '../test-machine.ts';

const group = 'Migration between two libvirtd, each end in its own pod';

async function withDestination(
  stage: Stage,
  use: (source: TestMachine, destination: TestMachine) => Promise<Observation>,
): Promise<Observation> {
  return stage.withMachine(async (source) => {
    const destination = await stage.newDestination(source);
    try {
      return await use(source, destination);
    } finally {
      await destination.remove();
    }
  });
}

/** The destination's XML carries the secret of the destination's pod. */
function migrate(
  source: TestMachine,
  destination: TestMachine,
  socket: string,
  ...options: readonly string[]
) {
  const xml = destination.writeXml();
  return source.virsh(
    ...(['migrate', '--live', '--unsafe', '--persistent', '--desturi'] as const),
    destination.libvirt.uri,
    '--migrateuri',
    `unix://${socket}`,
    '--xml',
    xml,
    '--persistent-xml',
    xml,
    ...options,
  );
}

/** Both ends of a live migration. */
export const migrationRows: readonly CompatibilityRow[] = [
  {
    group,
    operation: 'migrate --live',
    run: (stage) =>
      withDestination(stage, async (source, destination) => {
        const before = await source.heartbeat();
        const { qemu, knownProcess } = source;
        const result = await migrate(
          source,
          destination,
          join(stage.volume, 'migration'),
          '--undefinesource',
        );
        if (result.status !== 0) return { result: describeResult(result), source: await source.state() };
        return {
          result: describeResult(result),
          source: await source.waitForState(/shut off|no domain/),
          'left of the source': await source.whatIsLeft(qemu, knownProcess),
          destination: await destination.state(),
          guest: await destination.since(before),
          back: describeResult(await destination.virsh('suspend')),
        };
      }),
  },
  {
    group,
    operation: 'migrate --live, peer to peer, and suspended at the end',
    run: (stage) =>
      withDestination(stage, async (source, destination) => {
        const before = await source.heartbeat();
        const socket = join(stage.volume, 'migration-p2p');
        const result = await migrate(source, destination, socket, '--p2p', '--suspend', '--undefinesource');
        const state = await destination.state();
        const resume = await destination.virsh('resume');
        if (resume.status !== 0) return { result: describeResult(result), state };
        return { result: describeResult(result), state, guest: await destination.since(before) };
      }),
  },
  {
    group,
    operation: 'migrate to a socket that nobody can make',
    run: (stage) =>
      withDestination(stage, async (source, destination) => {
        const before = await source.heartbeat();
        const result = await migrate(source, destination, join(stage.volume, 'no-such-directory/socket'));
        return {
          result: result.status === 0 ? 'done' : 'error',
          source: await source.state(),
          guest: await source.since(before),
          destination: (await destination.state()).replace(/ \(.*/, ''),
          'left of the destination': await destination.whatIsLeft(),
        };
      }),
  },
];
