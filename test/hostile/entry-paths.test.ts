import { expect } from 'chai';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Broker } from '../../daemon/host/broker.ts';
import { createLibc } from '../../daemon/host/libc.ts';
import { ReadFileError } from '../../daemon/host/read-file-error.ts';
import { skip } from '../support/skip.ts';
import { waitUntil } from '../support/wait-until.ts';
import { replaceableSyscalls, wrapBroker } from '../support/without-syscalls.ts';

const root = path.join(import.meta.dirname, '../..');
const owner = { uid: 12_345, gid: 12_346, groups: [] };
const SWAPS = 10_000;
/** Another user of the pod. */
const stranger = { uid: 23_456, gid: 23_457 };
const PROTECTED = '/proc/sys/fs/protected_symlinks';
const inside = 'secret of the pod';
const outside = 'of the node';

describe("a pod's path that the pod swaps while it is read", function () {
  this.timeout(180_000);
  this.retries(0); // one success of the attacker is one too many
  let directory: string;
  let pod: string;
  let target: ChildProcess;
  let proc: number;

  before(() => {
    directory = fs.mkdtempSync('/var/lib/knd-paths-');
    fs.chmodSync(directory, 0o755);
    pod = path.join(directory, 'pod');
    for (const each of ['vol', 'a/b', 'moved', 'data/..first', 'proc', 'outside'])
      fs.mkdirSync(path.join(each === 'outside' ? directory : pod, each), { recursive: true });
    fs.writeFileSync(path.join(directory, 'outside/secret'), outside);
    fs.writeFileSync(path.join(directory, 'secret'), outside);
    for (const each of ['vol/secret', 'data/..first/secret', 'a/secret', 'secret'])
      fs.writeFileSync(path.join(pod, each), inside);
    fs.symlinkSync(path.join(directory, 'outside/secret'), path.join(pod, 'vol/absolute'));
    fs.symlinkSync(`${'../'.repeat(40)}${directory.slice(1)}/outside`, path.join(pod, 'climbing'));
    // A Secret volume as the kubelet makes it, and links of all kinds.
    fs.symlinkSync('..first', path.join(pod, 'data/..data'));
    fs.symlinkSync('..data/secret', path.join(pod, 'data/secret'));
    fs.symlinkSync('/data/secret', path.join(pod, 'from-the-root'));
    fs.symlinkSync('../../../secret', path.join(pod, 'a/above'));
    fs.symlinkSync('/', path.join(pod, 'slash'));
    fs.symlinkSync('loop', path.join(pod, 'loop'));
    fs.symlinkSync('x'.repeat(4000), path.join(pod, 'long'));
    makeStickyLinks();
    execFileSync('mount', ['-t', 'proc', 'proc', path.join(pod, 'proc')]);
    fs.copyFileSync(path.join(root, 'test/fixtures/build/fake-emulator'), path.join(pod, 'stay'));
    target = spawn('chroot', [pod, '/stay', 'wait'], { stdio: 'ignore' });
  });
  /** In a directory as /tmp is, root's and open to all: links of the pod's user and of another one. */
  const makeStickyLinks = (): void => {
    const sticky = path.join(pod, 'sticky');
    fs.mkdirSync(sticky);
    fs.chmodSync(sticky, 0o1777);
    for (const [whose, { uid, gid }] of Object.entries({ own: owner, strange: stranger }))
      for (const [where, to] of [
        ['file', '../data/secret'],
        ['volume', '../data'],
        ['outside', path.join(directory, 'outside/secret')],
        ['climbing', `${'../'.repeat(40)}${directory.slice(1)}/outside`],
      ] as const) {
        const link = path.join(sticky, `${whose}-${where}`);
        fs.symlinkSync(to, link);
        fs.lchownSync(link, uid, gid);
      }
  };
  before(async () => {
    await waitUntil(
      'the target has its root',
      () => (fs.readlinkSync(`/proc/${target.pid}/root`) === '/' ? undefined : true),
      10_000,
    );
    proc = fs.openSync(`/proc/${target.pid}`, fs.constants.O_DIRECTORY);
  });
  after(() => {
    fs.closeSync(proc);
    target.kill('SIGKILL');
    execFileSync('umount', ['-l', path.join(pod, 'proc')]);
    fs.rmSync(directory, { recursive: true });
  });

  /** A broker of its own: of the tree's programs or of other ones, with what is missing in this kernel. */
  const startBroker = (name: string, wrap?: 'ENOSYS' | 'EPERM', definition?: string): Broker => {
    const library = path.join(directory, name);
    const make = ['-s', '-C', path.join(root, 'stub'), `BUILD=${library}`];
    execFileSync('make', [...make, ...(definition === undefined ? [] : [`CC=musl-gcc -D${definition}`])]);
    if (wrap !== undefined) wrapBroker(library, wrap, replaceableSyscalls);
    const broker = new Broker({ libc: createLibc(), libraryDirectory: library, onRestart: () => undefined });
    broker.start();
    return broker;
  };
  const read = async (broker: Broker, file: string): Promise<string> => {
    try {
      return (
        await broker.readFile(proc, { path: file, ...owner, maxSize: 1024, deadlineMs: 10_000 })
      ).toString();
    } catch (error) {
      if (error instanceof ReadFileError) return `${error.step} ${error.code}`;
      throw error;
    }
  };
  /** All different answers that came while the paths were swapped so often at least. */
  const race = async (broker: Broker): Promise<ReadonlyMap<string, number>> => {
    const swapper = spawn(path.join(root, 'test/fixtures/build/swap-paths'), [pod], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const answers = new Map<string, number>();
    let swaps = '';
    swapper.stdout.on('data', (chunk: Buffer) => (swaps += chunk.toString()));
    const ended = new Promise((resolve) => swapper.once('close', resolve));
    try {
      for (let round = 0; round < 400; round++) {
        const files = ['/vol/secret', '/a/b/../../vol/secret', '/a/b/../secret', '/climbing/secret'];
        for (const answer of await Promise.all(files.map((file) => read(broker, file))))
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    } finally {
      swapper.kill('SIGTERM');
      await ended;
    }
    expect(Number(swaps)).to.be.at.least(SWAPS);
    return answers;
  };

  for (const [name, wrap] of [
    ['openat2', undefined],
    ['the walk, without openat2 (ENOSYS)', 'ENOSYS'],
    ['the walk, with openat2 forbidden (EPERM)', 'EPERM'],
  ] as const)
    describe(`by ${name}`, () => {
      let broker: Broker;
      before(() => {
        broker = startBroker(`library-${wrap ?? 'kernel'}`, wrap);
      });
      after(() => broker.stop());

      for (const [file, answer] of [
        ['/data/secret', inside],
        ['/from-the-root', inside],
        ['/a/above', inside],
        ['/slash/slash/data/../slash/data/./secret', inside],
        ['//data//..data/secret', inside],
        ['/../../data/secret', inside],
        ['/data/..', 'type EISDIR'],
        ['/slash', 'type EISDIR'],
        ['/', 'type EISDIR'],
        ['/data/secret/', 'open ENOTDIR'],
        ['/data/secret/x', 'open ENOTDIR'],
        ['/loop', 'open ELOOP'],
        ['/long', 'open ENAMETOOLONG'],
        [`/${'x'.repeat(300)}`, 'open ENAMETOOLONG'],
        ['/vol/absolute', 'open ENOENT'],
        ['/climbing/secret', 'open ENOENT'],
        ['/proc/1/root/etc/hostname', 'open EACCES'],
        ['/proc/thread-self/root/secret', 'open ELOOP'],
        // Of no size, by what fstat() says.
        ['/proc/vmstat', 'size EFBIG'],
      ] as const)
        it(`reads "${file.slice(0, 40)}" inside of the pod alone`, async () => {
          expect(await read(broker, file)).to.be.oneOf(
            file.startsWith('/proc') ? [answer, 'open ELOOP'] : [answer],
          );
        });

      describe('through links in a sticky directory, which the kernel protects', () => {
        let setting: string;
        before(function () {
          setting = fs.readFileSync(PROTECTED, 'latin1');
          try {
            fs.writeFileSync(PROTECTED, '1');
          } catch {
            if (setting.trim() !== '1') skip(this, `"${PROTECTED}" cannot be set`);
          }
        });
        after(() => {
          if (setting.trim() !== '1') fs.writeFileSync(PROTECTED, setting);
        });

        it("follows those of the pod's user inside of the pod, where root could not", async () => {
          expect(() => fs.readFileSync(path.join(pod, 'sticky/own-file'))).to.throw('EACCES');
          expect(await read(broker, '/sticky/own-file')).to.equal(inside);
          expect(await read(broker, '/sticky/own-volume/secret')).to.equal(inside);
          expect(await read(broker, '/sticky/own-outside')).to.equal('open ENOENT');
          expect(await read(broker, '/sticky/own-climbing/secret')).to.equal('open ENOENT');
        });

        it('refuses those of another user, or follows them inside of the pod alone', async () => {
          // The kernel refuses one at the end of a path, and in its own look-up alone: the walk is none. What is followed
          // gives what the pod has there.
          const [found, missing] =
            wrap === undefined ? ['open EACCES', 'open EACCES'] : [inside, 'open ENOENT'];
          expect(await read(broker, '/sticky/strange-file')).to.equal(found);
          expect(await read(broker, '/sticky/strange-outside')).to.equal(missing);
          expect(await read(broker, '/sticky/strange-volume/secret')).to.equal(inside);
          expect(await read(broker, '/sticky/strange-climbing/secret')).to.equal('open ENOENT');
        });
      });

      it('never gives what is outside of the pod, in 10,000 swaps', async () => {
        const answers = await race(broker);
        expect([...answers.keys()].filter((answer) => answer.includes(outside))).to.deep.equal([]);
        expect(answers.get(inside)).to.be.greaterThan(50);
        expect(answers.size).to.be.greaterThan(1);
      });
    });

  it('is read outside of the pod by a reader that follows links plainly, so that the test can fail', async () => {
    const broker = startBroker('library-plain', undefined, 'FOLLOW_LINKS_PLAINLY');
    try {
      expect((await race(broker)).get(outside)).to.be.greaterThan(10);
    } finally {
      broker.stop();
    }
  });
});
