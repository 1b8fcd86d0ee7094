import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { Refusal } from '../../../daemon/errors.ts';
import { createLibc } from '../../../daemon/host/libc.ts';
import { StubProfiles } from '../../../daemon/profiles/stub-profiles.ts';
import { identify, listDescendants, signalProcess } from '../../support/processes.ts';
import { runCommand } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';
import { skip } from '../../support/skip.ts';
import { commonSettings, ownSettings, ProfileBench } from './profile-bench.ts';

const own = '/emulators/own/qemu-system-x86_64';
const libcModule = join(import.meta.dirname, '../../../daemon/host/libc.ts');
const hangingArguments = join(import.meta.dirname, '../../fixtures/build/hanging-arguments');
/** Linux's number; Node has no name for it. */
const O_PATH = 0o10000000;
const plain = '/emulators/plain/qemu-system-x86_64';

describe('StubProfiles', () => {
  let bench: ProfileBench;
  const find = (path: string): unknown => bench.profiles.find(bench.identify(path));
  const problems = (): readonly string[] => bench.profiles.list().flatMap((each) => each.problems);

  beforeEach(() => {
    bench = new ProfileBench();
    bench.writeProgram(own, 0o4750);
    bench.writeProgram(plain, 0o4750);
  });
  afterEach(() => bench.scratch.close());

  it('gives the profile of a stub, its own settings or the common ones', () => {
    expect(find(own)).to.deep.equal({ ...ownSettings, name: 'own' });
    expect(find(plain)).to.deep.equal({ ...commonSettings, name: 'plain' });
    expect(find(bench.writeProgram('/elsewhere').slice(bench.root.length))).to.equal(null);
    expect(problems()).to.deep.equal([]);
  });

  it('knows a stub by its path, also where a link leads to all of them, and follows no other', () => {
    const settings = { settings: new Map(), common: commonSettings };
    symlinkSync('emulators', bench.at('/link'));
    symlinkSync('own', bench.at('/emulators/linked'));
    const linked = new StubProfiles({ hostRoot: bench.root, directory: '/link/', ...settings });
    for (const path of [plain, plain.replace('/emulators', '/link')])
      expect(linked.findByPath(path), path).to.deep.equal({ ...commonSettings, name: 'plain' });
    expect(bench.profiles.findByPath(own)).to.deep.equal({ ...ownSettings, name: 'own' });
    linkSync(bench.at(own), bench.at('/other-name'));
    symlinkSync('qemu-system-x86_64', bench.at('/emulators/own/qemu-kvm'));
    const others = [
      '/other-name',
      '/link/plain/qemu-system-x86_64',
      '/emulators/linked/qemu-system-x86_64',
      '/emulators/own/qemu-kvm',
      '/emulators/own/../own/qemu-system-x86_64',
      '/emulators/own//qemu-system-x86_64',
      `${own}/`,
      '/emulators/own',
    ];
    for (const path of others) expect(bench.profiles.findByPath(path), path).to.equal(null);
  });

  it('takes every copy in the directory, and neither local nor what is not executable', () => {
    for (const name of ['qemu-system-aarch64', 'local']) bench.writeProgram(`/emulators/own/${name}`);
    bench.writeProgram('/emulators/own/README', 0o644);
    bench.writeProgram('/emulators/own/directory/qemu');
    expect(find('/emulators/own/qemu-system-aarch64')).to.include({ name: 'own' });
    for (const name of ['local', 'README', 'directory', 'directory/qemu'])
      expect(find(`/emulators/own/${name}`), name).to.equal(null);
  });

  it('knows a stub that was put in the place of another, and no longer that one', () => {
    bench.writeProgram('/new', 0o4750);
    linkSync(bench.at(own), bench.at('/old'));
    renameSync(bench.at('/new'), bench.at(own));
    expect(find(own)).to.include({ name: 'own' });
    expect(find('/old')).to.equal(null);
    rmSync(bench.at('/emulators/own'), { recursive: true });
    expect(find(plain)).to.include({ name: 'plain' });
    rmSync(bench.at('/emulators'), { recursive: true });
    expect(bench.profiles.list()).to.deep.equal([]);
  });

  it('a hard link elsewhere is the same stub, one in another profile is a refusal', () => {
    linkSync(bench.at(own), bench.at('/other-name'));
    expect(find('/other-name')).to.include({ name: 'own' });
    linkSync(bench.at(own), bench.at('/emulators/plain/qemu-system-i386'));
    for (const path of [own, '/emulators/plain/qemu-system-i386']) {
      expect(() => find(path), path)
        .to.throw(Refusal)
        .with.property(
          'line',
          `Cannot tell the profile of the stub: "${own}" and "/emulators/plain/qemu-system-i386" are one file; make one of them a copy`,
        );
    }
    expect(find(plain)).to.include({ name: 'plain' });
  });

  it('a link to the stub of another profile makes no second profile of it', () => {
    symlinkSync(bench.at(own), bench.at('/emulators/plain/qemu-system-i386'));
    expect(find(own)).to.include({ name: 'own' });
    expect(problems()).to.deep.equal([
      '"/emulators/plain/qemu-system-i386" is a link; put a copy of the stub there',
    ]);
    symlinkSync('own', bench.at('/emulators/linked'));
    expect(find(own)).to.include({ name: 'own' });
  });

  it('believes no directory and no file that others than root can write to', () => {
    chmodSync(bench.at('/emulators/own'), 0o775);
    chownSync(bench.at(plain), 65534, 0);
    expect(find(own)).to.equal(null);
    expect(find(plain)).to.equal(null);
    expect(problems().map((line) => line.replace(/; .*/, ''))).to.deep.equal([
      'others than root may write to "/emulators/own"',
      `others than root may write to "${plain}"`,
    ]);
  });

  it('finds the directory by links that lead to places below the root', () => {
    renameSync(bench.at('/emulators'), bench.at('/real'));
    mkdirSync(bench.at('/srv'));
    symlinkSync('/srv/../real', bench.at('/emulators'));
    expect(find('/real/own/qemu-system-x86_64')).to.include({ name: 'own' });
  });

  it('knows a stub in a bind mount by the same device and inode', async () => {
    mkdirSync(bench.at('/shared'));
    await runCommand('mount', ['--bind', bench.at('/emulators'), bench.at('/shared')]);
    bench.scratch.defer('unmount', async () => {
      await runCommand('umount', [bench.at('/shared')]);
    });
    expect(find('/shared/own/qemu-system-x86_64')).to.include({ name: 'own' });
  });
});

describe('Libc.statCached()', () => {
  it('gives device and inode as stat does', () => {
    const libc = createLibc();
    for (const path of ['/', '/proc', '/dev/null', '/usr/bin/su', import.meta.filename]) {
      const { dev, ino, nlink, mode } = statSync(path, { bigint: true });
      expect(libc.statCached(path), path).to.deep.equal({
        device: dev,
        inode: ino,
        links: Number(nlink),
        isSetuid: (mode & 0o4000n) !== 0n,
      });
    }
    expect(() => libc.statCached('/nowhere'))
      .to.throw()
      .with.property('code', 'ENOENT');
  });

  it('does not wait for a file system that does not answer', async function () {
    this.timeout(30_000);
    if (!existsSync('/dev/fuse')) skip(this, 'there is no /dev/fuse');
    const scratch = Scratch.open('test');
    const mountPoint = join(scratch.directory, 'hanging');
    mkdirSync(mountPoint);
    scratch.defer('unmount what hangs', async () => {
      await runCommand('umount', ['-l', mountPoint], { allowFailure: true });
    });
    const child = spawn(hangingArguments, [mountPoint], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const ready = await new Promise((resolve) => {
        child.stdout.once('data', () => resolve(true));
        child.once('exit', () => resolve(false));
      });
      if (ready === false) skip(this, 'FUSE cannot be mounted here');
      const [server] = listDescendants(identify(child.pid ?? 0));
      if (server === undefined) throw new Error('The file system has no process');
      const program = `
        import { createLibc } from '${libcModule}';
        console.log(createLibc().statCached('/proc/self/fd/3').links);
      `;
      const file = openSync(join(mountPoint, 'x'), O_PATH);
      try {
        signalProcess(server, 'SIGSTOP');
        const args = ['-s', 'KILL', '5', process.execPath, '--input-type=module', '-e', program];
        const asker = spawn('timeout', args, { stdio: ['ignore', 'pipe', 'inherit', file] });
        let text = '';
        asker.stdout?.setEncoding('utf8').on('data', (data: string) => (text += data));
        await once(asker, 'close');
        expect(text).to.equal('1\n');
      } finally {
        // First: the process that has its file open can't end while nobody answers.
        signalProcess(server, 'SIGKILL');
        closeSync(file);
      }
    } finally {
      child.kill('SIGKILL');
      await scratch.close();
    }
  });
});
