import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { CompatibilityRow } from '../compatibility-row.ts';
import { describeResult } from '../describe-result.ts';
import type { TestMachine } from '../test-machine.ts';

const group = 'Figures and questions';
/** A second, as /proc counts it. */
const TICKS = 100;
/** A second, as libvirt counts it. */
const NANOSECONDS = 1e9;

function isAboveZero(text: string | undefined): string {
  if (text === undefined) return 'missing';
  return Number(text) > 0 ? 'counted' : '0';
}

/**
 * Whether a figure in seconds is near the time that the kernel counts for QEMU, of which `utime` is a part. A stub has
 * its own, which is none on a quick processor and a little on a slow one.
 */
function isTimeOfQemu(
  machine: TestMachine,
  seconds: string | number | undefined,
  fields: readonly ('utime' | 'stime')[] = ['utime', 'stime'],
): string {
  const stat = readFileSync(`/proc/${machine.qemu.pid}/stat`, 'utf8');
  const [utime, stime] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14).map(Number);
  const real = { utime, stime };
  const sum = fields.reduce((total, field) => total + (real[field] ?? 0), 0) / TICKS;
  return Number(seconds ?? 0) > sum / 2 ? "QEMU's" : "not QEMU's";
}

/** Whether a figure in KiB is near what the kernel says of QEMU. */
function isOfQemu(machine: TestMachine, text: string | undefined): string {
  if (text === undefined) return 'missing';
  const status = readFileSync(`/proc/${machine.qemu.pid}/status`, 'utf8');
  const real = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  return Number(text) > real / 2 ? "QEMU's" : "not QEMU's";
}

/** `key=value` and `key value` lines. */
function readFigures(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\n').flatMap((line): readonly [string, string][] => {
      const [, key = '', value = ''] =
        /^\s*([\w .()]+?)\s*[=:]\s*(.*)$/.exec(line) ?? /^(\S+) (\S+)$/.exec(line) ?? [];
      return key === '' ? [] : [[key, value.trim()]];
    }),
  );
}

/** A question that is answered by one command, of which the words or the success matter. */
function ask(
  command: string,
  args: readonly string[] = [],
  words: (stdout: string) => string = () => '',
): CompatibilityRow {
  return {
    group,
    operation: [command, ...args.filter((arg) => arg.startsWith('--'))].join(' '),
    run: async (stage) => {
      const machine = await stage.shared();
      await machine.waitForAgent();
      const result = await machine.virsh(command, ...args);
      const said = result.status === 0 ? words(result.stdout) : '';
      return { result: describeResult(result), ...(said !== '' && { says: said }) };
    },
  };
}

function readVncBanner(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('data', (bytes) => {
      resolve(bytes.toString('latin1').slice(0, 3));
      socket.destroy();
    });
    socket.once('error', (error) => resolve(error.message));
  });
}

/** What libvirt reads from the kernel by the pid that it knows, from QEMU, and from its own memory. */
export const statisticsRows: readonly CompatibilityRow[] = [
  {
    group,
    operation: 'domstats',
    run: async (stage) => {
      const machine = await stage.shared();
      const figures = readFigures(await machine.do('domstats'));
      return {
        state: figures.get('state.state') ?? 'missing',
        'cpu.time': isTimeOfQemu(machine, Number(figures.get('cpu.time')) / NANOSECONDS),
        'cpu.user': isTimeOfQemu(machine, Number(figures.get('cpu.user')) / NANOSECONDS, ['utime']),
        'vcpu.0.state': figures.get('vcpu.0.state') ?? 'missing',
        'vcpu.0.time': isAboveZero(figures.get('vcpu.0.time')),
        'balloon.current': isAboveZero(figures.get('balloon.current')),
        'balloon.rss': isOfQemu(machine, figures.get('balloon.rss')),
        'block.0.rd.reqs': isAboveZero(figures.get('block.0.rd.reqs')),
        'iothread.count': figures.get('iothread.count') ?? 'missing',
      };
    },
  },
  {
    group,
    operation: 'vcpuinfo',
    run: async (stage) => {
      const machine = await stage.shared();
      const result = await machine.virsh('vcpuinfo');
      const figures = readFigures(result.stdout);
      return {
        result: describeResult(result),
        state: figures.get('State') ?? 'missing',
        time: isAboveZero(figures.get('CPU time')?.replace('s', '')),
        affinity: figures.get('CPU Affinity') === undefined ? 'missing' : 'told',
      };
    },
  },
  {
    group,
    operation: 'dommemstat',
    run: async (stage) => {
      const machine = await stage.shared();
      const figures = readFigures(await machine.do('dommemstat'));
      return {
        actual: isAboveZero(figures.get('actual')),
        rss: isOfQemu(machine, figures.get('rss')),
      };
    },
  },
  {
    group,
    operation: 'dominfo',
    run: async (stage) => {
      const machine = await stage.shared();
      const figures = readFigures(await machine.do('dominfo'));
      return {
        State: figures.get('State') ?? 'missing',
        'CPU(s)': figures.get('CPU(s)') ?? 'missing',
        'CPU time': isTimeOfQemu(machine, figures.get('CPU time')?.replace('s', '')),
      };
    },
  },
  ask('cpu-stats', ['--total']),
  ask('schedinfo'),
  ask('memtune', [], (text) => (text.includes('hard_limit') ? 'limits' : '')),
  ask('blkiotune'),
  ask('domblklist', [], (text) => (text.includes('vda') ? 'vda' : '')),
  ask('domblkstat', ['vda'], (text) => (/rd_req [1-9]/.test(text) ? 'requests counted' : 'nothing')),
  ask('domblkinfo', ['vda'], (text) => (/Capacity:\s+1048576/.test(text) ? 'capacity' : 'nothing')),
  ask('domcontrol', [], (text) => text.trim()),
  ask('domjobinfo', [], (text) => text.trim().replace(/\s+/g, ' ')),
  ask('domdisplay', ['--all'], (text) => text.trim().replace(/\/\S*/, 'PATH')),
  ask('domtime'),
  ask('guestinfo', ['--os']),
  ask('qemu-agent-command', ['{"execute":"guest-ping"}'], (text) => text.trim()),
  ask('qemu-monitor-command', ['{"execute":"query-name"}'], (text) =>
    text.includes('"name":"machine-') ? 'its name' : text,
  ),
  ask('dumpxml', [], (text) =>
    [/<domain type='qemu' id=/, /<source mode='bind'/, /state='connected'/].every((each) => each.test(text))
      ? 'live devices, agent connected'
      : 'something else',
  ),
  {
    group,
    operation: 'VNC over a unix socket',
    run: async (stage) => {
      const machine = await stage.shared();
      const xml = await machine.do('dumpxml');
      const path = /<listen type='socket' socket='([^']+)'/.exec(xml)?.[1] ?? '';
      return {
        greeting: await readVncBanner(path.replace('/var/lib/libvirt', join(stage.libvirt.directory, 'lib'))),
      };
    },
  },
  {
    group,
    operation: 'console over a unix socket',
    run: async (stage) => {
      const machine = await stage.shared();
      return { guest: await machine.since(await machine.heartbeat()) };
    },
  },
  {
    group,
    operation: 'screenshot',
    run: async (stage) => {
      const machine = await stage.shared();
      const file = join(stage.volume, 'screen');
      const result = await machine.virsh('screenshot', file);
      const image = result.status === 0 ? readFileSync(file).subarray(0, 4).toString('latin1') : '';
      return { result: describeResult(result), image: /^P6|PNG/.exec(image)?.[0] ?? 'none' };
    },
  },
];
