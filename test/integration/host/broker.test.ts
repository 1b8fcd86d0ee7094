import { expect } from 'chai';
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { CrowdedError } from '../../../daemon/fair-queue.ts';
import type { ReadRequest } from '../../../daemon/host/broker-frames.ts';
import { Broker } from '../../../daemon/host/broker.ts';
import { createLibc } from '../../../daemon/host/libc.ts';
import { ReadFileError } from '../../../daemon/host/read-file-error.ts';
import { fakeEmulatorMount } from '../../support/fake-launch.ts';
import { HangingFileSystem } from '../../support/hanging-file-system.ts';
import { skip } from '../../support/skip.ts';
import { waitUntil } from '../../support/wait-until.ts';

const libc = createLibc();
const build = path.join(import.meta.dirname, '../../../stub/build');
const owner = { uid: 12_345, gid: 12_346, groups: [12_347] };

describe('Broker', function () {
  this.timeout(30_000);
  let directory: string;
  let target: ChildProcess;
  let proc: number;
  let broker: Broker;
  let restarts: string[];

  before(() => {
    directory = fs.mkdtempSync('/var/lib/knd-broker-');
    fs.chmodSync(directory, 0o755);
    for (const name of ['qemu-kube-broker', 'qemu-kube-shim'])
      fs.copyFileSync(path.join(build, name), path.join(directory, name));
    const root = path.join(directory, 'root');
    fs.mkdirSync(root);
    fs.copyFileSync(fakeEmulatorMount.source, path.join(root, 'wait'));
    fs.mkdirSync(path.join(root, 'dir'));
    const write = (name: string, text: string | Buffer, mode: number, uid: number, gid: number): void => {
      fs.writeFileSync(path.join(root, name), text);
      fs.chownSync(path.join(root, name), uid, gid);
      fs.chmodSync(path.join(root, name), mode);
    };
    write('own', 'secret of the pod', 0o600, owner.uid, 0);
    write('group', 'of a group', 0o640, 0, 12_347);
    write('root-only', 'no', 0o600, 0, 0);
    write('large', Buffer.alloc(1025, 'x'), 0o644, 0, 0);
    write('exact', Buffer.alloc(1024, 'x'), 0o644, 0, 0);
    write('empty', '', 0o644, 0, 0);
    write('..outside', 'inside', 0o644, 0, 0);
    fs.writeFileSync(path.join(directory, 'outside'), 'of the node');
    fs.symlinkSync('../../outside', path.join(root, 'relative-link'));
    fs.symlinkSync(path.join(directory, 'outside'), path.join(root, 'absolute-link'));
    fs.symlinkSync('own', path.join(root, 'link'));
    fs.symlinkSync('loop', path.join(root, 'loop'));
    execFileSync('mkfifo', [path.join(root, 'fifo')]);
    target = spawn('chroot', [root, '/wait', 'wait'], { stdio: 'ignore' });
  });
  before(async () => {
    await waitUntil(
      'the target has its root',
      () => (fs.readlinkSync(`/proc/${target.pid}/root`) === '/' ? undefined : true),
      5000,
    );
    proc = fs.openSync(`/proc/${target.pid}`, fs.constants.O_DIRECTORY);
  });
  after(() => {
    fs.closeSync(proc);
    target.kill('SIGKILL');
    fs.rmSync(directory, { recursive: true });
  });
  beforeEach(() => {
    restarts = [];
    broker = new Broker({ libc, libraryDirectory: directory, onRestart: (status) => restarts.push(status) });
    broker.start();
  });
  afterEach(() => broker.stop());

  const read = async (
    file: string,
    changes: Partial<ReadRequest> = {},
    pod: string | null = null,
  ): Promise<string> => {
    const request = { path: file, ...owner, maxSize: 1024, deadlineMs: 2000, ...changes };
    try {
      return (await broker.readFile(proc, request, pod)).toString();
    } catch (error) {
      if (error instanceof ReadFileError) return `${error.step} ${error.code}`;
      throw error;
    }
  };

  const files: readonly (readonly [string, string, string])[] = [
    ["a file of the pod's user", '/own', 'secret of the pod'],
    ["a file of a group of the pod's user", '/group', 'of a group'],
    ['a symlink inside', '/link', 'secret of the pod'],
    ['a name that begins with dots', '/..outside', 'inside'],
    ['an empty file', '/empty', ''],
    ['a file of the permitted size', '/exact', 'x'.repeat(1024)],
    ['not what is for root alone', '/root-only', 'open EACCES'],
    ['not what is larger', '/large', 'size EFBIG'],
    ['not what does not exist', '/nothing', 'open ENOENT'],
    ['no FIFO, without a wait', '/fifo', 'type EINVAL'],
    ['no directory', '/dir', 'type EISDIR'],
    ['not out of the root by a relative symlink', '/relative-link', 'open ENOENT'],
    ['not out of the root by an absolute symlink', '/absolute-link', 'open ENOENT'],
    ['not out of the root by ".."', '/../../outside', 'open ENOENT'],
    ['no endless symlink', '/loop', 'open ELOOP'],
  ];
  for (const [what, file, answer] of files)
    it(`reads ${what}`, async () => {
      expect(await read(file)).to.equal(answer);
    });

  it('opens nothing that is no regular file, since that can be enough to set a device off', async () => {
    const fifo = path.join(directory, 'root/fifo');
    const writer = spawn('sh', ['-c', 'echo waits; exec 3> "$1"; echo goes on', '-', fifo], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    writer.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const hears = (text: string): Promise<unknown> =>
      waitUntil(`the writer ${text}`, () => (said.includes(text) ? true : undefined), 5000);
    try {
      await hears('waits');
      await delay(200);
      expect(await read('/fifo')).to.equal('type EINVAL');
      await delay(200);
      expect(said).to.equal('waits\n');
      fs.closeSync(fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK));
      await hears('goes on');
    } finally {
      writer.kill('SIGKILL');
    }
  });

  it('reads as nobody but who was asked for, and never as root by -1', async () => {
    expect(await read('/own', { uid: 12_999 })).to.equal('open EACCES');
    expect(await read('/group', { groups: [] })).to.equal('open EACCES');
    expect(await read('/root-only', { uid: 0xffff_ffff })).to.equal('root EINVAL');
    expect(await read('/root-only', { gid: 0xffff_ffff })).to.equal('root EINVAL');
  });

  /** Mounts a file system below the root of the target that nobody ever answers for, while an action runs. */
  const whileHanging = async (test: Mocha.Context, action: () => Promise<void>): Promise<void> => {
    const mountPoint = path.join(directory, 'root/dir');
    let fuse: number;
    try {
      fuse = fs.openSync('/dev/fuse', 'r+');
    } catch {
      skip(test, 'there is no /dev/fuse');
    }
    try {
      // Whoever looks below waits until the connection is closed.
      const options = 'fd=3,rootmode=40000,user_id=0,group_id=0,allow_other';
      const { status } = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, 'none', mountPoint], {
        stdio: ['ignore', 'ignore', 'ignore', fuse],
      });
      if (status !== 0) skip(test, 'FUSE cannot be mounted here');
      await action();
    } finally {
      fs.closeSync(fuse);
      spawnSync('umount', ['-l', mountPoint]);
    }
  };

  it('gives up on a file system that hangs, and goes on', function () {
    return whileHanging(this, async () => {
      const hanging = read('/dir/x', { deadlineMs: 300 });
      expect(await read('/own')).to.equal('secret of the pod');
      expect(await hanging).to.equal('deadline ETIMEDOUT');
      expect(await read('/own')).to.equal('secret of the pod');
    });
  });

  it('reads nothing for those who are gone when their turn comes', function () {
    return whileHanging(this, async () => {
      const first = ['/dir/x', '/dir/y'].map((file) => read(file, { deadlineMs: 1000 }));
      const leaver = new AbortController();
      const request = { path: '/dir/z', ...owner, maxSize: 1024, deadlineMs: 10_000 };
      const left = Array.from({ length: 15 }, () =>
        broker
          .readFile(proc, request, null, { origin: 'leaver', gone: leaver.signal })
          .catch((error: unknown) => error),
      );
      // Behind all of them: in vain if only one of them were read.
      const own = read('/own');
      const reason = new Error('gone');
      leaver.abort(reason);
      expect(await Promise.all(left)).to.deep.equal(Array(15).fill(reason));
      expect(await Promise.all(first)).to.deep.equal(Array(2).fill('deadline ETIMEDOUT'));
      expect(await own).to.equal('secret of the pod');
    });
  });

  it('lets no asker have more wait for one pod than it may, and others have theirs', function () {
    return whileHanging(this, async () => {
      const first = ['/dir/x', '/dir/y'].map((file) => read(file, { deadlineMs: 1000 }));
      const request = { path: '/own', ...owner, maxSize: 1024, deadlineMs: 2000 };
      const ask = (origin: string): Promise<string> =>
        broker
          .readFile(proc, request, null, { origin })
          .then(String, (error: unknown) => (error instanceof CrowdedError ? 'crowded' : String(error)));
      const many = Array.from({ length: 30 }, () => ask('many'));
      const other = ask('other');
      const answers = await Promise.all(many);
      expect(answers.filter((answer) => answer === 'crowded')).to.have.lengthOf(10);
      expect(answers.filter((answer) => answer === 'secret of the pod')).to.have.lengthOf(20);
      expect(await other).to.equal('secret of the pod');
      await Promise.all(first);
    });
  });

  describe('with readers that hang and that nobody can kill', () => {
    let hanging: HangingFileSystem | null;
    const hang = (pod: string | null): Promise<string> => read('/dir/x', { deadlineMs: 100 }, pod);
    const readers = (): number =>
      fs.readFileSync(`/proc/${broker.pid}/task/${broker.pid}/children`, 'latin1').split(' ').length - 1;

    beforeEach(function () {
      hanging = HangingFileSystem.mount(path.join(directory, 'root/dir'));
      if (hanging === null) skip(this, 'FUSE cannot be mounted here');
    });
    afterEach(async () => {
      hanging?.[Symbol.dispose]();
      await waitUntil('the readers are gone', () => (readers() === 0 ? true : undefined), 10_000);
    });

    for (const [pod, other] of [
      ['this-pod', 'another-pod'],
      [null, 'a-pod'],
    ] as const)
      it(`reads nothing more of ${pod === null ? 'a mount namespace' : 'a pod'} that four of them are of, and all of others`, async () => {
        const answers: string[] = [];
        for (let round = 0; round < 4; round++)
          answers.push(...(await Promise.all([hang(pod), hang(pod), read('/own', {}, other)])));
        expect(answers.filter((answer) => answer === 'secret of the pod')).to.have.lengthOf(4);
        expect(answers.filter((answer) => answer === 'deadline ETIMEDOUT')).to.have.lengthOf(4);
        expect(answers.filter((answer) => answer === 'hanging EBUSY')).to.have.lengthOf(4);
        expect(readers()).to.equal(4);
        expect(await read('/own', {}, pod)).to.equal('hanging EBUSY');
        expect(await read('/own', {}, other)).to.equal('secret of the pod');

        hanging?.[Symbol.dispose]();
        await waitUntil(
          'the pod is read again',
          async () => ((await read('/own', {}, pod)) === 'secret of the pod' ? true : undefined),
          5000,
        );
      });

    it('has no more of them than 512, so that processes are left for shims', async () => {
      const pods = Array.from({ length: 128 }, (_, index) => `pod-${index}`);
      const all = pods.flatMap((pod) => [hang(pod), hang(pod), hang(pod), hang(pod)]);
      expect(new Set(await Promise.all(all))).to.deep.equal(new Set(['deadline ETIMEDOUT']));
      expect(readers()).to.equal(512);
      expect(await read('/own', {}, 'one-more')).to.equal('hanging EAGAIN');
    });
  });

  it('answers many requests at once, each its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => read(index % 2 === 0 ? '/own' : '/group')),
    );
    expect(answers).to.deep.equal(
      answers.map((_, index) => (index % 2 === 0 ? 'secret of the pod' : 'of a group')),
    );
  });

  it('leaks no fd over 500 reads, in neither process', async () => {
    const count = (pid: number | null): number => fs.readdirSync(`/proc/${pid ?? 'self'}/fd`).length;
    await read('/own');
    const before = [count(null), count(broker.pid)];
    for (let done = 0; done < 500; done += 10)
      await Promise.all(Array.from({ length: 10 }, (_, index) => read(index === 0 ? '/fifo' : '/own')));
    await waitUntil(
      'the fds are closed again',
      () => (count(broker.pid) <= (before[1] ?? 0) ? true : undefined),
      5000,
    );
    expect(count(null)).to.equal(before[0]);
  });

  it('hands on what the broker writes, and has it inherit nothing of this process', async () => {
    const lines: string[] = [];
    const program = path.join(directory, 'says/qemu-kube-broker');
    fs.mkdirSync(path.dirname(program));
    const long = 'x'.repeat(3000);
    const text = `#!/bin/sh\nown=$(readlink /proc/$$/fd/1)\necho "$own" >&2\nprintf 'one\\n${long}\\n\\nlast' >&2\nexec sleep 30\n`;
    fs.writeFileSync(program, text, { mode: 0o755 });
    const said = new Broker({
      libc,
      libraryDirectory: path.dirname(program),
      onRestart: () => undefined,
      onLine: (line) => lines.push(line),
    });
    said.start();
    await waitUntil('it has said it', () => (lines.length >= 3 ? true : undefined), 5000);
    said.stop();
    await waitUntil('it has said all', () => (lines.length >= 4 ? true : undefined), 5000);
    expect(lines).to.deep.equal(['/dev/null', 'one', 'x'.repeat(1024), 'last']);
  });

  it('is started again when it is killed, and the next request waits for that', async () => {
    process.kill(broker.pid ?? 0, 'SIGKILL');
    await waitUntil('its end is known', () => (restarts.length > 0 ? true : undefined), 5000);
    expect(broker.pid).to.equal(null);
    expect(await read('/own')).to.equal('secret of the pod');
    expect(restarts).to.deep.equal(['SIGKILL']);
  });

  it('fails what is under way when it is killed', async () => {
    const before = broker.pid ?? 0;
    process.kill(before, 'SIGSTOP');
    const asked = read('/own').then(
      () => 'answered',
      (error: unknown) => (error instanceof Error ? error.message : ''),
    );
    await new Promise((resolve) => setImmediate(resolve));
    process.kill(before, 'SIGKILL');
    expect(await asked).to.equal('Cannot reach the broker: it ended (SIGKILL)');
    expect(await read('/own')).to.equal('secret of the pod');
  });

  it('is killed and started again when it hangs', async () => {
    process.kill(broker.pid ?? 0, 'SIGSTOP');
    const asked = read('/own').catch((error: unknown) => (error instanceof Error ? error.message : ''));
    expect(await asked).to.equal('Cannot reach the broker: it did not answer in time');
    expect(await read('/own')).to.equal('secret of the pod');
    expect(restarts).to.deep.equal(['SIGKILL']);
  });

  it('survives that it cannot be started again for a while', async () => {
    const program = path.join(directory, 'qemu-kube-broker');
    fs.renameSync(program, `${program}.away`);
    process.kill(broker.pid ?? 0, 'SIGKILL');
    await waitUntil('it has been tried', () => (restarts.length >= 2 ? true : undefined), 5000);
    fs.renameSync(`${program}.away`, program);
    expect(restarts[1]).to.include('ENOENT');
    await waitUntil('it is back', () => (broker.pid === null ? undefined : true), 5000);
    expect(await read('/own')).to.equal('secret of the pod');
  });

  it('says why a shim does not start', async () => {
    const memory = libc.sealedMemory('no-plan', Buffer.from('this is no plan'));
    try {
      const error = await broker.startShim([proc, memory, proc, proc, proc, proc, proc, proc]).then(
        () => 'started',
        (failure: unknown) => (failure instanceof Error ? failure.message : ''),
      );
      expect(error).to.equal('Cannot start the shim of a VM: EPROTO');
    } finally {
      fs.closeSync(memory);
    }
  });

  it('ends with the daemon, and refuses what comes after', async () => {
    const { pid } = broker;
    broker.stop();
    await waitUntil('it has ended', () => (fs.existsSync(`/proc/${pid}/exe`) ? undefined : true), 5000);
    const refused = await read('/own').catch((error: unknown) =>
      error instanceof Error ? error.message : '',
    );
    expect(refused).to.equal('Cannot reach the broker: the daemon is stopping');
    expect(restarts).to.deep.equal([]);
  });
});
