import { expect } from 'chai';
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { encodeRefused } from '../../daemon/launch/encode-frame.ts';
import { encodeRequest, type RequestDraft } from '../fuzz/encode-request.ts';
import { identity, InstalledStub, listenAsDaemon } from '../integration/stub/installed-stub.ts';
import { findQemuAccount } from '../support/qemu-account.ts';
import { runCommand, type CommandResult } from '../support/run-command.ts';
import { Scratch } from '../support/scratch.ts';
import { waitUntil } from '../support/wait-until.ts';

const hostileExec = join(import.meta.dirname, '../fixtures/build/hostile-exec');
const start = ['-name', 'guest=testvm'];
const sunday = 'qemu-kube: Cannot start a VM for you: it is Sunday\n';
const honest = Object.entries(identity).map(([name, value]) => Buffer.from(`${name}=${value}`));

/** Resources by their numbers on Linux. */
const limits: readonly (readonly [string, string])[] = [
  ...[3, 4, 5, 6, 7, 8].map((files) => [`NOFILE ${files}`, `7:${files}`] as const),
  ['FSIZE 0', '1:0'],
  ['STACK 16 KiB', '3:16384'],
  ['AS 1 MiB', '9:1048576'],
  ['CPU 1 s', '0:1'],
  ['NPROC 0', '6:0'],
  ['CORE unlimited', '4:unlimited'],
  ['MEMLOCK 0', '8:0'],
];

describe('qemu-kube under hostile conditions', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let stub: InstalledStub;
  let server: Server;
  let received = Buffer.alloc(0);
  let answers = true;

  before(async () => {
    scratch = Scratch.open('test');
    stub = await InstalledStub.install(scratch);
  });
  after(() => scratch.close());
  beforeEach(async () => {
    received = Buffer.alloc(0);
    answers = true;
    server = await listenAsDaemon(stub.socket, (connection) =>
      connection.on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
        const isWhole = received.length >= 12 && received.length >= 12 + received.readUInt32LE(8);
        if (isWhole && answers) connection.end(encodeRefused('Cannot start a VM for you: it is Sunday'));
      }),
    );
  });
  afterEach(() => {
    server.close();
  });

  const run = (conditions: readonly string[], args: readonly string[] = start): Promise<CommandResult> =>
    stub.run(args, identity, 'exec "$@"', [hostileExec, ...conditions, '--']);
  const draft = (change: Partial<RequestDraft> = {}): RequestDraft => ({
    mode: 0,
    fdCount: 3,
    cwd: Buffer.from(process.cwd()),
    argv: [stub.path, ...start].map((text) => Buffer.from(text)),
    env: honest,
    ...change,
  });
  /** The whole request and nothing else. */
  const expectRequest = (change?: Partial<RequestDraft>): void => {
    const expected = encodeRequest(draft(change));
    if (!received.equals(expected))
      expect(received.toString('latin1').slice(0, 1000)).to.equal(expected.toString('latin1').slice(0, 1000));
  };
  const expectOneLine = ({ status, stdout, stderr }: CommandResult): void => {
    expect({ status, stdout }).to.deep.equal({ status: 125, stdout: '' });
    expect(stderr)
      .to.match(/^qemu-kube: Cannot [^\n]+\n$/)
      .and.not.include(identity.KUBEVIRT_IO_SECRET);
  };

  // In a setuid program the libc does it as well.
  for (const setuid of [true, false])
    for (let closed = 0; closed < 8; closed++) {
      const numbers = [0, 1, 2].filter((fd) => (closed & (1 << fd)) !== 0);
      const which = `${numbers.join(', ') || 'none'} of the fds 0 to 2 closed`;
      it(`sends the same request with ${which}, and only there, ${setuid ? 'setuid' : 'without setuid'}`, async () => {
        stub.makeSetuid(setuid);
        chmodSync(stub.socket, 0o666);
        try {
          const result = await run(numbers.map((fd) => `close=${fd}`));
          expectRequest();
          const stderr = numbers.includes(2) ? '' : sunday;
          expect(result).to.include({ status: 125, stdout: '', stderr });
        } finally {
          stub.makeSetuid(true);
        }
      });
    }

  for (const [what, name] of [
    ['empty', ''],
    ['of several lines', 'qemu\nroot::0:0\n'],
    ['as long as the kernel lets it be', 'x'.repeat(131_071 - 'argv0='.length)],
    ['not UTF-8', '\u0080'],
  ] as const)
    it(`sends an argv[0] that is ${what} as it is`, async () => {
      const result = await run([`argv0=${name}`]);
      expect(result).to.include({ status: 125, stderr: sunday });
      expectRequest({ argv: [name, ...start].map((text) => Buffer.from(text)) });
    });

  const variables: readonly (readonly [string, readonly Buffer[]])[] = [
    ['without an entry', []],
    ['with entries without "=", with nothing before it, twice', ['A', '=x', 'B=1', 'B=2', '=']],
    ['that is not UTF-8', [Buffer.from([0x58, 0x3d, 0xff, 0xfe, 0x80])]],
    ['with a value of 127 KiB', [`LONG=${'x'.repeat(127 << 10)}`]],
    ['with an entry that nearly names an identity', ['KUBEVIRT_IO_VM_UUIDX=1', 'KUBEVIRT_IO_SECRETS=1']],
    [
      'that other programs heed',
      [
        'LD_PRELOAD=/nonexistent.so',
        'LD_LIBRARY_PATH=/nonexistent',
        'LD_DEBUG=all',
        'GLIBC_TUNABLES=glibc.malloc.check=3',
        'MALLOC_TRACE=/nonexistent',
        'NLSPATH=/nonexistent',
        'RES_OPTIONS=debug',
        'TZDIR=/nonexistent',
        'TMPDIR=/nonexistent',
        'LC_ALL=xx',
        'PATH=/nonexistent',
      ],
    ],
  ].map(([what, entries]) => [
    what as string,
    (entries as (string | Buffer)[]).map((each) => Buffer.from(each)),
  ]);
  for (const [what, env] of variables)
    it(`sends an environment ${what} byte for byte`, async () => {
      const file = join(scratch.directory, 'environment');
      writeFileSync(file, Buffer.concat(env.flatMap((each) => [each, Buffer.from([0])])), { mode: 0o644 });
      const result = await run([`env=${file}`]);
      expect(result).to.include({ status: 125, stderr: sunday });
      expectRequest({ env });
    });

  it('refuses an environment of 5 MiB, and has sent nothing of it', async () => {
    const file = join(scratch.directory, 'environment');
    const entry = Buffer.concat([Buffer.from(`A=${'x'.repeat(100 << 10)}`), Buffer.from([0])]);
    writeFileSync(file, Buffer.concat(Array.from({ length: 50 }, () => entry)), { mode: 0o644 });
    // Where the kernel lets a caller get so far: a quarter of the stack's limit.
    const command = [hostileExec, `env=${file}`, '--', stub.path, ...start];
    const { uid, gid } = findQemuAccount();
    const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
    const result = await runCommand('prlimit', ['--stack=unlimited', 'setpriv', ...ids, ...command], {
      allowFailure: true,
    });
    expectOneLine(result);
    expect(result.stderr).to.include('4 MiB');
    expect(received).to.have.lengthOf(0);
  });

  for (const [what, limit] of limits)
    it(`with a limit of ${what} sends a whole request or none, ends in one line and leaves no core`, async () => {
      const directory = join(scratch.directory, 'writable');
      mkdirSync(directory, { recursive: true });
      chownSync(directory, findQemuAccount().uid, findQemuAccount().gid);
      const result = await run([`limit=${limit}`]);
      expectOneLine(result);
      if (received.length > 0) {
        expect(result.stderr).to.equal(sunday);
        expectRequest();
      } else expect(what).to.match(/^NOFILE/);
    });

  it('says why also where its log is a file that may not grow', async () => {
    const log = join(scratch.directory, 'log');
    writeFileSync(log, 'before\n', { mode: 0o666 });
    chmodSync(log, 0o666);
    const script = `exec "$@" 2>> ${log}`;
    const through = [hostileExec, 'limit=1:0', '--'];
    const { status } = await stub.run(start, identity, script, through);
    expect(status, 'not an end by SIGXFSZ').to.equal(125);
    expect(readFileSync(log, 'utf8')).to.equal('before\n');
    expectRequest();
  });

  for (const [what, conditions] of [
    ['all signals blocked', ['block=all']],
    ['all signals ignored', ['ignore=all']],
    ['SIGALRM pending', ['pending=14']],
    ['SIGTERM pending', ['pending=15']],
    ['umask 0', ['umask=0']],
    ['umask 0777', ['umask=777']],
    ['nice 19', ['nice=19']],
    ['a personality without address randomisation', ['personality=0x0040000']],
    ['a personality of an old Linux that reads as it executes', ['personality=0x0420000']],
  ] as const)
    it(`sends its request with ${what}`, async () => {
      const result = await run(conditions);
      expect(result).to.include({ status: 125, stderr: sunday });
      expectRequest();
    });

  it('says so in a working directory that is gone, and sends nothing', async () => {
    const parent = join(scratch.directory, 'gone');
    mkdirSync(parent, { mode: 0o777, recursive: true });
    chmodSync(parent, 0o777);
    const result = await run([`gone=${join(parent, 'here')}`]);
    expectOneLine(result);
    expect(result.stderr).to.include('working directory');
    expect(received).to.have.lengthOf(0);
  });

  it('says so in a working directory that has no path, and sends nothing', async () => {
    const detached = join(scratch.directory, 'detached');
    mkdirSync(detached);
    const script = 'mount -t tmpfs none "$1" && cd "$1" && umount -l "$1" && shift && exec "$@"';
    const { uid, gid } = findQemuAccount();
    const variables = Object.entries(identity).map(([name, value]) => `${name}=${value}`);
    const result = await runCommand(
      'sh',
      [
        ...['-c', script, 'sh', detached, 'setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'],
        ...['env', '-i', ...variables, stub.path, ...start],
      ],
      { allowFailure: true },
    );
    expectOneLine(result);
    expect(result.stderr).to.equal(
      "qemu-kube: Cannot name the working directory: it is outside of the caller's root directory; start libvirtd in /\n",
    );
    expect(received).to.have.lengthOf(0);
  });

  const asAccount = async (
    command: readonly string[],
    options: readonly string[],
  ): Promise<CommandResult> => {
    const { uid, gid } = findQemuAccount();
    const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...options];
    const environment = Object.entries(identity).map(([name, value]) => `${name}=${value}`);
    return runCommand('setpriv', [...ids, 'env', '-i', ...environment, ...command], { allowFailure: true });
  };

  for (const bits of ['+noroot', '+no_setuid_fixup', '+noroot,+no_setuid_fixup,+keep_caps_locked'])
    it(`sends its request with the securebits ${bits}, and has no capability afterwards`, async () => {
      answers = false;
      const ending = asAccount([stub.path, ...start], [`--securebits=${bits}`]);
      await waitUntil('the request is there', () => (received.length > 12 ? true : undefined), 5000);
      const { stdout } = await runCommand('pgrep', ['-f', `^${stub.path} -name`]);
      const status = readFileSync(`/proc/${stdout.trim()}/status`, 'utf8');
      process.kill(Number(stdout.trim()), 'SIGKILL');
      await ending;
      for (const set of ['CapPrm', 'CapEff', 'CapInh', 'CapAmb'])
        expect(status).to.match(new RegExp(`^${set}:\t0+$`, 'm'));
      expect(status).to.match(new RegExp(`^Uid:(\t${findQemuAccount().uid}){4}$`, 'm'));
    });

  for (const setuid of [true, false])
    it(`shows its secret to nobody of its own user while it waits, ${setuid ? 'setuid' : 'without setuid'}`, async () => {
      answers = false;
      stub.makeSetuid(setuid);
      chmodSync(stub.socket, 0o666);
      try {
        const ending = asAccount([stub.path, ...start], []);
        await waitUntil('the request is there', () => (received.length > 12 ? true : undefined), 5000);
        const pid = (await runCommand('pgrep', ['-f', `^${stub.path} -name`])).stdout.trim();
        for (const file of ['environ', 'mem', 'fd/0']) {
          const look = await asAccount(['dd', `if=/proc/${pid}/${file}`, 'bs=1', 'count=1'], []);
          expect(look.stderr, file).to.include('Permission denied');
        }
        process.kill(Number(pid), 'SIGKILL');
        await ending;
      } finally {
        stub.makeSetuid(true);
      }
    });

  for (const [what, through, options] of [
    [
      'under a tracer of its own user, where the setuid bit does not count',
      ['strace', '-o', '/dev/null'],
      [],
    ],
    ['with no_new_privs', [], ['--no-new-privs']],
  ] as const)
    it(`says what it may not do ${what}`, async () => {
      const result = await asAccount([...through, stub.path, ...start], options);
      expectOneLine(result);
      expect(result.stderr).to.include('add libvirt').and.include('or install the stub setuid');
      expect(received).to.have.lengthOf(0);
    });

  it('opens nothing but the list of its own fds', async () => {
    const log = join(scratch.directory, 'opened');
    const calls = 'trace=open,openat,openat2,readlink,readlinkat,access,faccessat,execve,connect';
    const { uid, gid } = findQemuAccount();
    const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
    const environment = Object.entries(identity).map(([name, value]) => `${name}=${value}`);
    // A tracer that is root leaves the setuid bit its meaning.
    const traced = ['setpriv', ...ids, 'env', '-i', ...environment, stub.path, ...start];
    const result = await runCommand('strace', ['-f', '-o', log, '-e', calls, ...traced], {
      allowFailure: true,
    });
    expect(result.stderr).to.equal(sunday);
    const used = readFileSync(log, 'utf8')
      .split('\n')
      .flatMap((line) => /^\d+ +(\w+)\(.*?"([^"]*)"/.exec(line)?.slice(1, 3).join(' ') ?? []);
    expect(used.slice(used.indexOf(`execve ${stub.path}`) + 1)).to.deep.equal([
      'open /proc/self/fd',
      `connect ${stub.socket}`,
    ]);
  });

  it('trusts no socket below a directory that others may write to, or that is not root’s', async () => {
    const { uid } = findQemuAccount();
    try {
      chmodSync(scratch.runDirectory, 0o777);
      const writable = await run([]);
      expectOneLine(writable);
      expect(writable.stderr).to.include(`Cannot trust ${stub.socket}: ${scratch.runDirectory};`);
      chmodSync(scratch.runDirectory, 0o755);
      chownSync(scratch.runDirectory, uid, 0);
      expect((await run([])).stderr).to.include(`Cannot trust ${stub.socket}: ${scratch.runDirectory};`);
    } finally {
      chownSync(scratch.runDirectory, 0, 0);
      chmodSync(scratch.runDirectory, 0o755);
    }
    expect(received).to.have.lengthOf(0);
  });

  it('trusts no listener that is not root, and sends it nothing', async () => {
    server.close();
    rmSync(stub.socket, { force: true });
    const { uid, gid } = findQemuAccount();
    const heard = join(scratch.directory, 'heard');
    const listen =
      'use Socket; $SIG{ALRM} = "DEFAULT"; alarm 60; socket(S, PF_UNIX, SOCK_STREAM, 0); ' +
      'bind(S, sockaddr_un($ARGV[0])) or die; chmod 0666, $ARGV[0]; ' +
      // The peer of a connection is who called listen().
      '$) = $( = $ARGV[3]; $> = $< = $ARGV[2]; listen(S, 5) or die; ' +
      'open(H, ">", "/dev/null"); while (accept(C, S)) { while (sysread(C, $text, 65536)) { print $text } close C }';
    const impostor = await scratch.startBackground(
      'perl',
      ['-e', `$| = 1; ${listen}`, stub.socket, heard, String(uid), String(gid)],
      heard,
    );
    await waitUntil(
      'the impostor listens',
      async () => ((await run([])).stderr.includes('who listens there is not root') ? true : undefined),
      5000,
      200,
    );
    process.kill(impostor.pid, 'SIGKILL');
    rmSync(stub.socket, { force: true });
    expect(readFileSync(heard, 'utf8')).to.equal('');
  });

  it('gives up on a daemon that does not answer, in one line', async () => {
    answers = false;
    const result = await run([]);
    expectOneLine(result);
    expect(result.stderr).to.include('did not answer in time');
    expect(result.duration).to.be.within(15_000, 40_000);
  });

  it('says that a daemon which takes no connection is busy, and not that it is to be started', async () => {
    server.close();
    rmSync(stub.socket, { force: true });
    const listen =
      'use Socket; $| = 1; alarm 60; socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un($ARGV[0])) or die; ' +
      // One connection waits to be taken; there is no room for another one.
      'chmod 0666, $ARGV[0]; listen(S, 0) or die; socket(C, PF_UNIX, SOCK_STREAM, 0); ' +
      'connect(C, sockaddr_un($ARGV[0])) or die; print "full\\n"; sleep 60';
    const log = join(scratch.directory, 'busy');
    const busy = await scratch.startBackground('perl', ['-e', listen, stub.socket], log);
    await waitUntil(
      'the queue is full',
      () => (readFileSync(log, 'utf8') === 'full\n' ? true : undefined),
      5000,
    );
    const result = await run([]);
    process.kill(busy.pid, 'SIGKILL');
    rmSync(stub.socket, { force: true });
    expectOneLine(result);
    expect(result.stderr).to.equal(
      `qemu-kube: Cannot reach the node driver at ${stub.socket}: it runs, but is too busy to take this call; start the VM ` +
        "again; read the node driver's log\n",
    );
  });

  it('ends with status 125, not by SIGPIPE, when the daemon dies under it', async () => {
    server.close();
    rmSync(stub.socket, { force: true });
    server = await listenAsDaemon(stub.socket, (connection) => connection.destroy());
    const args = [...start, ...Array.from({ length: 2000 }, () => 'x'.repeat(500))];
    expectOneLine(await run([], args));
  });
});
