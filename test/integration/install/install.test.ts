import { expect } from 'chai';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { findQemuAccount } from '../../support/qemu-account.ts';
import { runCommand } from '../../support/run-command.ts';
import { runNodeDriver, type CommandOutcome } from '../../support/run-command-line.ts';
import { Scratch } from '../../support/scratch.ts';
import { skip } from '../../support/skip.ts';

const root = join(import.meta.dirname, '../../..');
const built = join(root, 'stub/build');
const local = '/usr/bin/qemu-system-x86_64';
const name = 'qemu-system-x86_64';
const { uid, gid } = findQemuAccount();

describe('node-driver install', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let target: string;
  let stub: string;
  beforeEach(() => {
    scratch = Scratch.open('test');
    target = join(scratch.directory, 'emulators');
    mkdirSync(target, { mode: 0o755 });
    stub = join(target, 'default', name);
  });
  afterEach(() => scratch.close());

  const install = (...args: readonly string[]): Promise<CommandOutcome> =>
    runNodeDriver('install', '--emulator', name, '--target', target, ...args);

  const kinds = [
    { args: [], mode: '100755', group: 0, program: 'qemu-kube' },
    { args: ['--group', String(gid)], mode: '100750', group: gid, program: 'qemu-kube' },
    { args: ['--group', String(gid), '--setuid'], mode: '104750', group: gid, program: 'qemu-kube' },
    {
      args: ['--group', String(gid), '--setuid', '--mode', 'exec'],
      mode: '104750',
      group: gid,
      program: 'qemu-kube-exec',
    },
  ];
  for (const { args, mode, group, program } of kinds)
    it(`with ${args.join(' ') || 'nothing'} puts ${program} there as ${mode}, and its link`, async () => {
      const umask = process.umask(0o077);
      try {
        expect(await install(...args)).to.deep.equal({
          status: 0,
          out: `${stub} was installed\nits link "local" was made\n`,
          err: '',
        });
      } finally {
        process.umask(umask);
      }
      const info = statSync(stub);
      expect({ uid: info.uid, gid: info.gid, mode: info.mode.toString(8) }).to.deep.equal({
        uid: 0,
        gid: group,
        mode,
      });
      expect(readFileSync(stub).equals(readFileSync(join(built, program)))).to.equal(true);
      expect(readlinkSync(join(target, 'default/local'))).to.equal(local);
      expect(readdirSync(join(target, 'default'))).to.have.members([name, 'local', `.${name}.installed`]);
      expect(statSync(join(target, 'default')).mode & 0o777).to.equal(0o755);
    });

  it('leaves alone what is right already, and replaces what is not', async () => {
    await install('--json');
    const before = statSync(stub, { bigint: true });
    expect((await install()).out).to.equal(`${stub} is up to date\n`);
    expect(JSON.parse((await install('--json')).out)).to.deep.equal({
      emulator: stub,
      stub: 'unchanged',
      local: 'unchanged',
      warnings: [],
    });
    const after = statSync(stub, { bigint: true });
    expect([after.ino, after.ctimeNs]).to.deep.equal([before.ino, before.ctimeNs]);

    chmodSync(stub, 0o777);
    expect(JSON.parse((await install('--json', '--local', '/usr/bin/true')).out)).to.deep.equal({
      emulator: stub,
      stub: 'replaced',
      local: 'replaced',
      warnings: [],
    });
    expect(statSync(stub).mode & 0o7777).to.equal(0o755);
    expect(readlinkSync(join(target, 'default/local'))).to.equal('/usr/bin/true');
  });

  it('calls what is mounted elsewhere as the node does', async () => {
    const mounted = join(scratch.directory, 'mounted');
    mkdirSync(mounted);
    await runCommand('mount', ['--bind', target, mounted]);
    const { out } = await runNodeDriver(
      'install',
      '--emulator',
      name,
      '--target',
      mounted,
      '--node-target',
      target,
      '--json',
    );
    expect(JSON.parse(out)).to.include({ emulator: stub, stub: 'installed' });
    const other = await runNodeDriver('install', '--target', mounted, '--node-target', scratch.directory);
    expect(other).to.include({ status: 1 });
    expect(other.err).to.include('is another directory than the node');
  });

  it('takes an emulator of another container on trust', async () => {
    expect((await install('--local', '/opt/elsewhere/qemu', '--local-elsewhere')).status).to.equal(0);
    expect(readlinkSync(join(target, 'default/local'))).to.equal('/opt/elsewhere/qemu');
  });

  /** A file system of its own in the place of the target. */
  const mountTarget = async (options: string): Promise<void> => {
    mkdirSync(join(target, 'default'), { recursive: true });
    await runCommand('mount', ['-t', 'tmpfs', '-o', `mode=755,${options}`, 'tmpfs', target]);
  };
  /** The stub's program with another machine in its header. */
  const foreignProgram = (): string => {
    const program = join(scratch.directory, 'foreign');
    const bytes = readFileSync(join(built, 'qemu-kube'));
    bytes.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18);
    writeFileSync(program, bytes);
    return program;
  };
  const problems: readonly {
    readonly code: string;
    readonly when: string;
    readonly prepare?: () => Promise<void> | void;
    readonly args?: () => readonly string[];
    readonly says: RegExp;
  }[] = [
    {
      code: 'nosuid',
      when: 'a setuid stub would be on a mount with nosuid',
      prepare: () => mountTarget('nosuid'),
      args: () => ['--setuid', '--group', String(gid)],
      says: /nosuid.*mount -o remount,suid .*or leave out --setuid/u,
    },
    {
      code: 'noexec',
      when: 'the mount has noexec',
      prepare: () => mountTarget('noexec'),
      says: /noexec.*mount -o remount,exec /u,
    },
    {
      code: 'read-only',
      when: 'the mount is read-only',
      prepare: () => mountTarget('ro'),
      says: /read-only.*mount -o remount,rw /u,
    },
    {
      code: 'not-roots-alone',
      when: 'others may write to the directory',
      prepare: () => chmodSync(target, 0o777),
      says: /others than root may write to .*emulators; run on the node: chown root:root .* && chmod go-w /u,
    },
    {
      code: 'not-roots-alone',
      when: 'the directory of the profile is somebody else’s',
      prepare: () => {
        mkdirSync(join(target, 'default'));
        chownSync(join(target, 'default'), uid, 0);
      },
      says: /others than root may write to .*emulators\/default/u,
    },
    {
      code: 'not-roots-alone',
      when: 'a directory above it is somebody else’s',
      prepare: () => {
        mkdirSync(join(target, 'above/below'), { recursive: true });
        chownSync(join(target, 'above'), uid, 0);
      },
      args: () => ['--target', join(target, 'above/below')],
      says: /others than root may write to .*above; /u,
    },
    {
      code: 'no-target',
      when: 'there is no such directory',
      args: () => ['--target', join(scratch.directory, 'missing')],
      says: /there is no directory .*missing; run on the node: install -d -m 755 .*missing/u,
    },
    {
      code: 'no-target',
      when: 'it is a link',
      prepare: () => symlinkSync(target, join(scratch.directory, 'link')),
      args: () => ['--target', join(scratch.directory, 'link')],
      says: /is no directory/u,
    },
    {
      code: 'no-group',
      when: 'the node has no such group',
      args: () => ['--group', 'knd-no-such-group'],
      says: /no group knd-no-such-group.*--group/u,
    },
    {
      code: 'no-program',
      when: 'the stub was not built',
      args: () => ['--program', join(scratch.directory, 'missing')],
      says: /make -C stub/u,
    },
    {
      code: 'wrong-architecture',
      when: 'the stub is for another machine',
      args: () => ['--program', foreignProgram()],
      says: /is for (aarch64|x86_64), and this node is/u,
    },
    {
      code: 'wrong-architecture',
      when: 'the stub is no program at all',
      args: () => ['--program', join(root, 'package.json')],
      says: /is no program, and this node is/u,
    },
    {
      code: 'no-emulator',
      when: 'there is no emulator to answer probes',
      args: () => ['--local', '/nonexistent/qemu'],
      says: /no emulator \/nonexistent\/qemu \(ENOENT\).*--local PATH/u,
    },
    {
      code: 'no-emulator',
      when: 'the emulator would be the stub itself',
      prepare: () => {
        mkdirSync(join(target, 'default'));
        copyFileSync(join(built, 'qemu-kube'), stub);
      },
      args: () => ['--local', stub],
      says: /leads to a stub/u,
    },
    {
      code: 'foreign-file',
      when: 'an emulator is in its place',
      prepare: () => {
        mkdirSync(join(target, 'default'));
        writeFileSync(stub, 'an emulator of somebody', { mode: 0o755 });
      },
      says: /is no stub; move it away: mv /u,
    },
  ];
  for (const { code, when, prepare, args = () => [], says } of problems)
    it(`refuses with ${code} where ${when}, and changes nothing`, async () => {
      await prepare?.();
      const list = (): readonly string[] => readdirSync(target, { recursive: true, encoding: 'utf8' });
      const files = list().filter((path) => !lstatSync(join(target, path)).isDirectory());
      const given = args();
      const text = await install(...given);
      expect(text.err)
        .to.match(/^Cannot install: [^\n]+\n$/u)
        .and.match(says);
      expect(text).to.include({ status: 1, out: '' });
      const json = await install(...given, '--json');
      expect(json).to.include({ status: 1, err: '' });
      const { problem } = JSON.parse(json.out) as { problem: Readonly<Record<string, string>> };
      expect(problem).to.have.all.keys('code', 'cause', 'remedy');
      expect(problem['code']).to.equal(code);
      expect(text.err).to.equal(`Cannot install: ${problem['cause'] ?? ''}; ${problem['remedy'] ?? ''}\n`);
      expect(list().filter((path) => !lstatSync(join(target, path)).isDirectory())).to.deep.equal(files);
    });

  it('installs where the mount has nosuid a stub that is not setuid', async () => {
    await mountTarget('nosuid');
    expect((await install()).status).to.equal(0);
  });

  it('refuses anybody but root', async function () {
    const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'];
    for (const command of ['install', 'uninstall']) {
      const node = [process.execPath, join(root, 'daemon/main.ts'), command, '--target', target];
      const { status, stderr } = await runCommand('setpriv', [...ids, ...node], { allowFailure: true });
      if (stderr.includes('EACCES')) skip(this, "the sources are root's alone to read");
      expect({ status, stderr: stderr.split(';')[1] }).to.deep.equal({
        status: 1,
        stderr: ' run it as root\n',
      });
    }
  });

  const wrong = [
    ['--mode', 'both'],
    ['--mode', 'exec'],
    ['--profile', '../up'],
    ['--profile', ''],
    ['--emulator', 'a/b'],
    ['--emulator', 'local'],
    ['--emulator', '.hidden'],
    ['--target', 'relative'],
    ['--local', 'relative'],
    ['--proc', 'relative'],
    ['--group', 'a b'],
    ['--frob'],
    ['argument'],
  ];
  for (const args of wrong)
    it(`ends ${JSON.stringify(args)} with 2, in one line`, async () => {
      const { status, out, err } = await install(...args);
      expect({ status, out }).to.deep.equal({ status: 2, out: '' });
      expect(err).to.match(/^Cannot run install: [^\n]+\n$/u);
    });
});
