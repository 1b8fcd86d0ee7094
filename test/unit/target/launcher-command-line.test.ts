import { expect } from 'chai';
import { parseLauncherCommandLine } from '../../../daemon/target/launcher-command-line.ts';

const U = '7cf1d0a4-5b3c-4b68-9f0a-0d5bb3a6e0ab';

function cmdline(...argv: readonly string[]): Buffer {
  return Buffer.from(argv.map((element) => `${element}\0`).join(''));
}

interface Row {
  readonly name: string;
  readonly argv: readonly string[];
  readonly expected: object | null;
}

const launcher = { program: 'virt-launcher', noFork: false };
const current = [
  '--qemu-timeout',
  '277s',
  '--name',
  'vm1',
  '--uid',
  U,
  '--namespace',
  'ns1',
  '--kubevirt-share-dir',
];
const known = { uuid: U, name: 'vm1', namespace: 'ns1' };

const rows: readonly Row[] = [
  {
    name: 'the 2017 proposal',
    argv: ['virt-launcher', '-kubevirt.vm.uuid', U, '-kubevirt.vm.name', 'vm1'],
    expected: { ...launcher, uuid: U, name: 'vm1' },
  },
  {
    name: '2017-07, without a UID',
    argv: [
      '/virt-launcher',
      '--qemu-timeout',
      '60s',
      '-name',
      'vm1',
      '-namespace',
      'ns1',
      '-socket-dir',
      '/s',
    ],
    expected: { ...launcher, name: 'vm1', namespace: 'ns1' },
  },
  {
    name: 'v0.2, without a UID',
    argv: [
      '/virt-launcher',
      '--qemu-timeout',
      '5m',
      '--name',
      'vm1',
      '--namespace',
      'ns1',
      '--readiness-file',
      '/r',
    ],
    expected: { ...launcher, name: 'vm1', namespace: 'ns1' },
  },
  { name: 'v0.2, the shell before it', argv: ['/bin/sh', '/entrypoint.sh', '--name', 'vm1'], expected: null },
  { name: 'v0.9', argv: ['/usr/bin/virt-launcher', ...current, '/d'], expected: { ...launcher, ...known } },
  {
    name: 'v0.9, the forked copy',
    argv: ['/usr/bin/virt-launcher', ...current, '/d', '--no-fork', 'true'],
    expected: { program: 'virt-launcher', noFork: true, ...known },
  },
  {
    name: 'v0.53, the monitor',
    argv: ['/usr/bin/virt-launcher-monitor', ...current, '/d', '--keep-after-failure'],
    expected: { program: 'virt-launcher-monitor', noFork: false, ...known },
  },
  {
    name: 'v1.9, a switch before the others',
    argv: ['/usr/bin/virt-launcher', '--allow-cross-arch-emulation', ...current, '/d', '--hypervisor', 'kvm'],
    expected: { ...launcher, ...known },
  },
  {
    name: 'values behind =',
    argv: ['virt-launcher', `--kubevirt.vm.uuid=${U}`, '-name=vm1', '--namespace=ns1'],
    expected: { ...launcher, ...known },
  },
  { name: 'single dashes', argv: ['virt-launcher', '-uid', U], expected: { ...launcher, uuid: U } },
  { name: '-uid=U', argv: ['virt-launcher', `-uid=${U}`], expected: { ...launcher, uuid: U } },
  {
    name: 'a value with = in it',
    argv: ['virt-launcher', '--name=a=b'],
    expected: { ...launcher, name: 'a=b' },
  },
  {
    name: 'a value with a newline',
    argv: ['virt-launcher', '--name=a\nb'],
    expected: { ...launcher, name: 'a\nb' },
  },
  { name: 'no flags', argv: ['virt-launcher'], expected: launcher },
  { name: 'an empty UID', argv: ['virt-launcher', '--uid', ''], expected: launcher },
  { name: '--no-fork=false', argv: ['virt-launcher', '--no-fork=false'], expected: launcher },
  {
    name: '--no-fork=true',
    argv: ['virt-launcher', '--no-fork=true'],
    expected: { ...launcher, noFork: true },
  },
  {
    name: 'the same value twice',
    argv: ['virt-launcher', '--uid', U, `-kubevirt.vm.uuid=${U}`],
    expected: { ...launcher, uuid: U },
  },
  { name: 'two UIDs', argv: ['virt-launcher', '--uid', U, '-kubevirt.vm.uuid', 'other'], expected: null },
  { name: 'two names', argv: ['virt-launcher', '--name=a', '--name=b'], expected: null },
  { name: 'two namespaces', argv: ['virt-launcher', '--namespace=a', '--namespace=b'], expected: null },
  { name: 'a flag without its value', argv: ['virt-launcher', '--uid'], expected: null },
  {
    name: 'a flag as the value of another',
    argv: ['virt-launcher', '--name', '--uid', U],
    expected: { ...launcher, name: '--uid' },
  },
  { name: 'flags behind --', argv: ['virt-launcher', '--', '--uid', U], expected: launcher },
  { name: 'a longer flag', argv: ['virt-launcher', '--uidx', U, '--xuid', U], expected: launcher },
  { name: 'three dashes', argv: ['virt-launcher', '---uid', U], expected: launcher },
  { name: 'a flag in another case', argv: ['virt-launcher', '--UID', U], expected: launcher },
  {
    name: 'a flag inside a value',
    argv: ['virt-launcher', `--extra=--uid=${U}`, `x --uid ${U}`],
    expected: launcher,
  },
  { name: 'a longer program', argv: ['/usr/bin/virt-launcher-x', '--uid', U], expected: null },
  { name: 'a program with a prefix', argv: ['my-virt-launcher', '--uid', U], expected: null },
  { name: 'a directory of that name', argv: ['/virt-launcher/', '--uid', U], expected: null },
  { name: 'the program as an argument', argv: ['sh', '-c', 'virt-launcher', '--uid', U], expected: null },
  { name: 'a search for it', argv: ['grep', `virt-launcher --uid ${U}`], expected: null },
  { name: 'one element with spaces', argv: [`virt-launcher --uid ${U}`], expected: null },
  { name: 'the emulated TPM', argv: ['/usr/bin/swtpm', 'socket', '--uid', U], expected: null },
  { name: 'an empty argv[0]', argv: ['', 'virt-launcher', '--uid', U], expected: null },
];

describe('parseLauncherCommandLine', () => {
  for (const { name, argv, expected } of rows) {
    it(`reads ${name}`, () => {
      expect(parseLauncherCommandLine(cmdline(...argv))).to.deep.equal(expected);
    });
  }

  it('reads a command line without NUL at the end', () => {
    expect(parseLauncherCommandLine(Buffer.from(`virt-launcher\0--uid\0${U}`))?.uuid).to.equal(U);
  });

  it('reads nothing of a process without a command line', () => {
    expect(parseLauncherCommandLine(new Uint8Array())).to.equal(null);
  });

  it('rejects bytes that are not UTF-8', () => {
    const bytes = Buffer.concat([cmdline('virt-launcher'), Buffer.from([0xff, 0])]);
    expect(parseLauncherCommandLine(bytes)).to.equal(null);
  });
});
