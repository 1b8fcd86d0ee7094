import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import type { CompatibilityRow } from '../compatibility-row.ts';
import { describeResult } from '../describe-result.ts';
import type { Stage } from '../stage.ts';
import type { TestMachine } from '../test-machine.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { writeVolumeFile } from './storage.ts';

const group = 'Devices of a running machine';

/** Plugs a device in and out; `look` tells whether it is there. */
async function plug(
  machine: TestMachine,
  xml: string,
  look: () => Promise<boolean>,
): Promise<Readonly<Record<string, string>>> {
  const file = machine.writeXml(xml);
  const attach = await machine.virsh('attach-device', file, '--live');
  const attached = (await look()) ? 'there' : 'missing';
  const detach = await machine.virsh('detach-device', file, '--live');
  const gone = async (): Promise<true | undefined> => ((await look()) ? undefined : true);
  const detached = await waitUntil('the device is gone', gone, 10_000).then(
    () => 'gone',
    () => 'still there',
  );
  return { attach: describeResult(attach), attached, detach: describeResult(detach), detached };
}

function countFdsOf(machine: TestMachine, target: string): number {
  const directory = `/proc/${machine.qemu.pid}/fd`;
  return readdirSync(directory).filter((fd) => {
    try {
      return readlinkSync(`${directory}/${fd}`) === target;
    } catch {
      return false; // closed meanwhile
    }
  }).length;
}

function inXml(machine: TestMachine, text: string): () => Promise<boolean> {
  return async () => (await machine.do('dumpxml')).includes(text);
}

function newTapName(stage: Stage): string {
  return `knd${stage.scratch.id.slice(-6)}`;
}

/** Hotplug and unplug: by path, and by fds that libvirt passes over the monitor. */
export const deviceRows: readonly CompatibilityRow[] = [
  {
    group,
    operation: 'attach-device, detach-device of a disk',
    run: async (stage) => {
      const machine = await stage.shared();
      const file = writeVolumeFile(stage, 'second.img');
      const xml = `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${file}'/><target dev='vdb' bus='virtio'/></disk>`;
      const isOpen = (): Promise<boolean> => Promise.resolve(countFdsOf(machine, file) > 0);
      return plug(machine, xml, isOpen);
    },
  },
  {
    group,
    operation: 'attach-device, detach-device of a tap network card (its fd is passed)',
    run: async (stage) => {
      const machine = await stage.shared();
      const tap = newTapName(stage);
      const xml = `<interface type='ethernet'><mac address='52:54:00:12:34:56'/><target dev='${tap}'/><model type='virtio'/></interface>`;
      const result = await plug(machine, xml, () =>
        Promise.resolve(existsSync(`/sys/class/net/${tap}`) && countFdsOf(machine, '/dev/net/tun') > 0),
      );
      return { ...result, tap: existsSync(`/sys/class/net/${tap}`) ? 'left behind' : 'removed' };
    },
  },
  {
    group,
    operation: 'attach-device, detach-device of a channel (its listening socket is passed)',
    run: async (stage) => {
      const machine = await stage.shared();
      const xml = `<channel type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/plugged'/><target type='virtio' name='test.channel.1'/></channel>`;
      return plug(machine, xml, inXml(machine, 'test.channel.1'));
    },
  },
  {
    group,
    operation: 'attach-device, detach-device of a random number generator',
    run: async (stage) => {
      const machine = await stage.shared();
      const xml = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>";
      return plug(machine, xml, () => Promise.resolve(countFdsOf(machine, '/dev/urandom') > 0));
    },
  },
  {
    group,
    operation: 'attach-device of memory',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const xml =
          "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>";
        const result = await machine.virsh('attach-device', machine.writeXml(xml), '--live');
        const devices = await machine.do('qemu-monitor-command', '{"execute":"query-memory-devices"}');
        return { result: describeResult(result), device: devices.includes('"dimm"') ? 'there' : 'missing' };
      }),
  },
  {
    group,
    operation: 'domiflist, domifstat, domif-setlink of a tap',
    run: (stage) =>
      stage.withMachine(async (machine) => {
        const tap = newTapName(stage);
        const xml = `<interface type='ethernet'><target dev='${tap}'/><model type='virtio'/></interface>`;
        const attach = await machine.virsh('attach-device', machine.writeXml(xml), '--live');
        return {
          attach: describeResult(attach),
          list: (await machine.do('domiflist')).includes(tap) ? 'listed' : 'missing',
          statistics: describeResult(await machine.virsh('domifstat', tap)),
          link: describeResult(await machine.virsh('domif-setlink', tap, 'down')),
        };
      }),
  },
];
