import {
  chownSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { CompatibilityRow } from '../compatibility-row.ts';
import { describeResult } from '../describe-result.ts';
import type { Stage } from '../stage.ts';
import { waitUntil } from '../../support/wait-until.ts';

const group = 'Storage and memory images';

/** A file of a few KiB that QEMU may open. */
export function writeVolumeFile(stage: Stage, name: string): string {
  const path = join(stage.volume, name);
  writeFileSync(path, Buffer.alloc(65_536), { mode: 0o644 });
  const { uid, gid } = stage.libvirt.account;
  chownSync(path, uid, gid);
  return path;
}

function hasContent(path: string): string {
  return existsSync(path) && statSync(path).size > 4096 ? 'written' : 'missing';
}

/** The first bytes of a file tell its kind. */
function magicOf(path: string): string {
  if (!existsSync(path)) return 'missing';
  const fd = openSync(path, 'r');
  const bytes = Buffer.alloc(4);
  readSync(fd, bytes, 0, 4, 0);
  closeSync(fd);
  const text = bytes.toString('latin1');
  return text === '\x7fELF' ? 'ELF' : text.startsWith('QFI') ? 'qcow2' : 'something else';
}

/** What moves the contents of memory and disks. */
export const storageRows: readonly CompatibilityRow[] = [
  {
    group,
    operation: 'save, restore',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const file = join(stage.volume, 'saved');
        const before = await machine.heartbeat();
        const { qemu, knownProcess } = machine;
        const save = await machine.virsh('save', file);
        const left = await machine.whatIsLeft(qemu, knownProcess);
        const saved = await machine.state();
        const restore = await stage.libvirt.virsh(['restore', file], { allowFailure: true });
        if (restore.status !== 0) return { save: describeResult(save), restore: describeResult(restore) };
        return {
          save: describeResult(save),
          file: hasContent(file),
          left,
          saved,
          restore: describeResult(restore),
          state: (await machine.state()).replace(/ \(.*/, ''),
          guest: await machine.since(before),
        };
      }),
  },
  {
    group,
    operation: 'managedsave, start',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const before = await machine.heartbeat();
        const save = await machine.virsh('managedsave');
        const saved = await machine.state();
        const start = await machine.virsh('start');
        if (start.status !== 0) return { save: describeResult(save), start: describeResult(start) };
        return {
          save: describeResult(save),
          saved,
          start: describeResult(start),
          guest: await machine.since(before),
        };
      }),
  },
  ...(['', '--memory-only', '--crash'] as const).map((option): CompatibilityRow => ({
    group,
    operation: `dump ${option}`.trim(),
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const file = join(stage.volume, `dump${option}`);
        const before = await machine.heartbeat();
        const result = await machine.virsh('dump', file, ...(option === '' ? [] : [option]));
        const state = await machine.state();
        return {
          result: describeResult(result),
          file: option === '--memory-only' ? magicOf(file) : hasContent(file),
          state,
          ...(state.startsWith('running') && { guest: await machine.since(before) }),
        };
      }),
  })),
  {
    group,
    operation: 'snapshot-create-as --disk-only, blockcommit',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const overlay = join(stage.volume, `${machine.name}.overlay`);
        const before = await machine.heartbeat();
        const create = await machine.virsh(
          ...(['snapshot-create-as', 's1', '--disk-only', '--no-metadata'] as const),
          '--diskspec',
          `vda,file=${overlay}`,
          '--diskspec',
          'hda,snapshot=no',
        );
        const source = (await machine.do('domblklist')).includes(overlay) ? 'the overlay' : 'the base';
        const commit = await machine.virsh('blockcommit', 'vda', '--active', '--pivot', '--wait');
        const after = (await machine.do('domblklist')).includes(machine.disk) ? 'the base' : 'the overlay';
        return {
          create: describeResult(create),
          file: magicOf(overlay),
          source,
          commit: describeResult(commit),
          after,
          guest: await machine.since(before),
        };
      }),
  },
  {
    group,
    operation: 'snapshot-create-as with memory (external)',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const memory = join(stage.volume, `${machine.name}.memory`);
        const overlay = join(stage.volume, `${machine.name}.live`);
        const before = await machine.heartbeat();
        const create = await machine.virsh(
          ...(['snapshot-create-as', 's1', '--live', '--no-metadata', '--memspec'] as const),
          memory,
          '--diskspec',
          `vda,file=${overlay}`,
          '--diskspec',
          'hda,snapshot=no',
        );
        return {
          create: describeResult(create),
          memory: hasContent(memory),
          guest: await machine.since(before),
        };
      }),
  },
  {
    group,
    operation: 'blockcopy, blockjob --pivot',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const copy = join(stage.volume, `${machine.name}.copy`);
        const before = await machine.heartbeat();
        const start = await machine.virsh(
          'blockcopy',
          'vda',
          copy,
          '--transient-job',
          '--wait',
          '--format',
          'raw',
        );
        const job = await machine.virsh('blockjob', 'vda', '--info');
        const pivot = await machine.virsh('blockjob', 'vda', '--pivot');
        const reached = async (): Promise<true | undefined> =>
          (await machine.do('domblklist')).includes(copy) ? true : undefined;
        const source = await waitUntil('the copy is in use', reached, 5000).then(
          () => 'the copy',
          () => 'the original',
        );
        const same = existsSync(copy) && readFileSync(copy).equals(readFileSync(machine.disk));
        return {
          start: describeResult(start),
          job: describeResult(job),
          pivot: describeResult(pivot),
          source,
          contents: same ? 'the same' : 'different',
          guest: await machine.since(before),
        };
      }),
  },
  {
    group,
    operation: 'blockresize',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const result = await machine.virsh('blockresize', 'vda', '2M');
        return {
          result: describeResult(result),
          size: /Capacity:\s+2097152/.test(await machine.do('domblkinfo', 'vda')) ? '2 MiB' : 'unchanged',
        };
      }),
  },
  {
    group,
    operation: 'change-media --insert, --eject',
    run: async (stage) => {
      const machine = await stage.shared();
      const medium = writeVolumeFile(stage, 'medium.iso');
      const insert = await machine.virsh('change-media', 'hda', medium, '--insert', '--live');
      const eject = await machine.virsh('change-media', 'hda', '--eject', '--live', '--force');
      return { insert: describeResult(insert), eject: describeResult(eject) };
    },
  },
];
