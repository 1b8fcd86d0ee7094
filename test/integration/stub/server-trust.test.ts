import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import { findQemuAccount } from '../../support/qemu-account.ts';
import { runCommand, type CommandResult } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { identity, InstalledStub, listenAsDaemon } from './installed-stub.ts';

const account = findQemuAccount();
const CANNOT_RUN = 125;
/** Listens on the path that is its argument and says what it received, as whoever runs it. */
const listener = `
  const path = process.argv[1];
  require('net').createServer((c) => c.on('data', (d) => process.stdout.write(d))).listen(path, () =>
    require('fs').chmodSync(path, 0o666));
`;

for (const program of ['qemu-kube', 'qemu-kube-exec'] as const)
  describe(`${program} trusts nobody but root to be the daemon`, function () {
    this.timeout(60_000);
    let scratch: Scratch;
    let stub: InstalledStub;
    let server: Server | undefined;
    let received = 0;
    let directory: string;

    before(async () => {
      scratch = Scratch.open('test');
      stub = await InstalledStub.install(scratch, program);
      directory = dirname(stub.socket);
    });
    after(() => scratch.close());
    beforeEach(() => {
      received = 0;
    });
    afterEach(async () => {
      chownSync(directory, 0, 0);
      chmodSync(directory, 0o755);
      await new Promise((resolve) => {
        if (server === undefined) resolve(null);
        else server.close(resolve);
      });
      server = undefined;
      rmSync(stub.socket, { force: true });
    });

    const listen = async (): Promise<void> => {
      server = await listenAsDaemon(stub.socket, (connection) => {
        connection.on('data', (chunk) => {
          received += chunk.length;
          // Not while the stub still sends.
          setTimeout(() => connection.destroy(), 200);
        });
      });
    };
    const start = (): Promise<CommandResult> => stub.run(['-name', 'guest=testvm'], identity);
    const expectDistrust = ({ status, stderr }: CommandResult, why: string): void => {
      expect(status).to.equal(CANNOT_RUN);
      expect(stderr).to.match(/^[^\n]+\n$/);
      expect(stderr).to.include(`Cannot trust ${stub.socket}: ${why}`);
      expect(stderr).not.to.include(identity.KUBEVIRT_IO_SECRET);
      expect(received).to.equal(0);
    };

    it("sends its request to root in directories that are only root's to write", async () => {
      await listen();
      const { stderr } = await start();
      expect(stderr).to.include('the node driver closed the connection');
      expect(received).to.be.greaterThan(0);
    });

    it("takes a sticky directory that all may write, where nobody can replace what is root's", async () => {
      await listen();
      chmodSync(directory, 0o1777);
      await start();
      expect(received).to.be.greaterThan(0);
    });

    it('refuses a directory that a group may write', async () => {
      await listen();
      chmodSync(directory, 0o775);
      expectDistrust(await start(), directory);
    });

    it('refuses a directory that all may write', async () => {
      await listen();
      chmodSync(directory, 0o777);
      expectDistrust(await start(), directory);
    });

    it("refuses a directory that is not root's", async () => {
      await listen();
      chownSync(directory, account.uid, account.gid);
      expectDistrust(await start(), directory);
    });

    it("refuses a sticky directory that is not root's", async () => {
      await listen();
      chownSync(directory, account.uid, account.gid);
      chmodSync(directory, 0o1755);
      expectDistrust(await start(), directory);
    });

    it('refuses a link in the place of a directory, whoever made it', async () => {
      await listen();
      const moved = `${directory}-moved`;
      renameSync(directory, moved);
      try {
        symlinkSync(moved, directory);
        expectDistrust(await start(), directory);
      } finally {
        rmSync(directory, { force: true });
        renameSync(moved, directory);
      }
    });

    // Without setuid, the stub of exec mode says before that it lacks capabilities.
    for (const setuid of program === 'qemu-kube' ? [true, false] : [true])
      it(`refuses a socket of the qemu user's, ${setuid ? 'setuid' : 'without setuid'}`, async () => {
        // In a sticky directory that user can make one, as long as there is none.
        chmodSync(directory, 0o1777);
        const fake = spawn(process.execPath, ['-e', listener, stub.socket], {
          ...account,
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        fake.stdout.on('data', (chunk: Buffer) => (received += chunk.length));
        const ended = new Promise((resolve) => fake.once('exit', resolve));
        try {
          await waitUntil('it listens', () => (existsSync(stub.socket) ? true : undefined), 10_000);
          stub.makeSetuid(setuid);
          expectDistrust(await start(), 'who listens there is not root');
        } finally {
          stub.makeSetuid(true);
          fake.kill('SIGKILL');
          await ended;
        }
      });

    it("refuses a link to a socket of the qemu user's in the place of the socket", async () => {
      const elsewhere = join(scratch.runDirectory, 'elsewhere');
      mkdirSync(elsewhere);
      chownSync(elsewhere, account.uid, account.gid);
      const path = join(elsewhere, 'fake.sock');
      const fake = spawn(process.execPath, ['-e', listener, path], {
        ...account,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      fake.stdout.on('data', (chunk: Buffer) => (received += chunk.length));
      const ended = new Promise((resolve) => fake.once('exit', resolve));
      try {
        await waitUntil('it listens', () => (existsSync(path) ? true : undefined), 10_000);
        symlinkSync(path, stub.socket);
        expectDistrust(await start(), 'who listens there is not root');
      } finally {
        fake.kill('SIGKILL');
        await ended;
        await runCommand('rm', ['-rf', elsewhere]);
      }
    });
  });
