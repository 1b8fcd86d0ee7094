import { expect } from 'chai';
import type { Server } from 'node:net';
import { join } from 'node:path';

import { encodeFrame, encodeRefused } from '../../../daemon/launch/encode-frame.ts';
import { frameTypes } from '../../../daemon/launch/frame.ts';
import { runCommand, type CommandResult } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';
import { identity, InstalledStub, listenAsDaemon, stubSources } from './installed-stub.ts';

/** The wrapper itself failed, as with env(1) and others. */
const CANNOT_RUN = 125;
const start = ['-name', 'guest=testvm'];

/** One line of ours, and nothing that is secret. */
function checkRefusal(program: string, { status, stdout, stderr }: CommandResult): void {
  expect({ status, stdout }).to.deep.equal({ status: CANNOT_RUN, stdout: '' });
  expect(stderr.replace(program, 'STUB')).to.match(/^STUB: [A-Z][^\n]+\n$/);
  expect(stderr).not.to.include(identity.KUBEVIRT_IO_SECRET);
}

for (const program of ['qemu-kube', 'qemu-kube-exec'] as const)
  describe(`${program} that can not start a VM`, function () {
    const expectRefusal = (result: CommandResult): void => checkRefusal(program, result);
    this.timeout(60_000);
    let scratch: Scratch;
    let stub: InstalledStub;
    let server: Server | undefined;

    before(async () => {
      scratch = Scratch.open('test');
      stub = await InstalledStub.install(scratch, program);
    });
    after(() => scratch.close());
    afterEach(async () => {
      await new Promise((resolve) => {
        if (server === undefined) resolve(null);
        else server.close(resolve);
      });
      server = undefined;
    });

    for (const setuid of [true, false])
      it(`says that no daemon runs, ${setuid ? 'setuid' : 'without setuid'}`, async () => {
        stub.makeSetuid(setuid);
        try {
          const result = await stub.run(start, identity);
          expectRefusal(result);
          // Before it connects: without privileges it could enter no pod.
          const why =
            setuid || program === 'qemu-kube'
              ? `Cannot reach the node driver at ${stub.socket}`
              : 'lacks CAP_SYS_ADMIN';
          expect(result.stderr).to.include(why);
        } finally {
          stub.makeSetuid(true);
        }
      });

    for (let closed = 0; closed < 8; closed++) {
      const numbers = [0, 1, 2].filter((fd) => (closed & (1 << fd)) !== 0);
      it(`ends with status 125 with ${numbers.join(', ') || 'none'} of the fds 0 to 2 closed`, async () => {
        const closing = numbers.map((fd) => `${fd}>&-`).join(' ');
        const result = await stub.run(start, identity, `exec "$@" ${closing}`);
        expect(result.status).to.equal(CANNOT_RUN);
        expect(result.stdout).to.equal('');
        if (numbers.includes(2)) expect(result.stderr).to.equal('');
        else expectRefusal(result);
      });
    }

    it('says so when it may open no file', async () => {
      const result = await stub.runUnusually('starved', start, identity);
      expectRefusal(result);
      expect(result.stderr).to.include('inherited fds');
    });

    it('refuses to run without a name, or takes an empty one for a probe', async () => {
      expectRefusal(await stub.runUnusually('nameless', [], {}));
    });

    it('refuses to run with an argc of 0, as kernels before 5.18 start it', async () => {
      const harness = join(scratch.directory, 'nameless-probe');
      const sources = ['caller.c', 'capabilities.c'].map((file) => join(stubSources, file));
      const flags = ['-static', '-D_GNU_SOURCE', `-I${stubSources}`, '-o', harness];
      const fixture = join(import.meta.dirname, '../../fixtures/nameless-probe.c');
      await runCommand('musl-gcc', [...flags, ...sources, fixture]);
      const { status, stdout, stderr } = await runCommand(harness, [], { allowFailure: true });
      expect({ status, stdout, stderr }).to.deep.equal({
        status: CANNOT_RUN,
        stdout: '',
        stderr: 'qemu-kube: Cannot run without a name; start this program as libvirt does, with argv[0]\n',
      });
    });

    describe('by itself, before it sends anything', () => {
      let received: number;
      beforeEach(async () => {
        received = 0;
        server = await listenAsDaemon(stub.socket, (connection) => {
          connection.on('data', (chunk) => (received += chunk.length));
        });
      });

      it('for 5,000 arguments', async () => {
        const result = await stub.run([...start, ...new Array<string>(5000).fill('x')], identity);
        expectRefusal(result);
        expect(result.stderr).to.include('4096');
        expect(received).to.equal(0);
      });

      it('for 100,000 variables', async () => {
        const result = await stub.runUnusually('crowded', start, identity);
        expectRefusal(result);
        expect(result.stderr).to.include('4096');
        expect(received).to.equal(0);
      });
    });

    it('prints the refusal of a daemon that reads nothing of a large request', async () => {
      server = await listenAsDaemon(stub.socket, (connection) => {
        connection.pause();
        connection.end(encodeRefused('Cannot start a VM for you: it is Sunday'), () => connection.destroy());
      });
      const result = await stub.run([...start, ...new Array<string>(2000).fill('x'.repeat(500))], identity);
      expectRefusal(result);
      expect(result.stderr).to.equal(`${program}: Cannot start a VM for you: it is Sunday\n`);
    });

    for (const length of [1025, 100_000])
      it(`does not take a refusal of ${length} bytes, for which it has no room`, async () => {
        server = await listenAsDaemon(stub.socket, (connection) =>
          connection.end(encodeFrame(frameTypes.refused, Buffer.alloc(length, 'x'))),
        );
        const result = await stub.run(start, identity);
        expectRefusal(result);
        expect(result.stderr).to.equal(
          `${program}: Cannot understand the node driver: its refusal is garbled; use stub and daemon of one release\n`,
        );
      });

    it('says so when the daemon closes the connection', async () => {
      server = await listenAsDaemon(stub.socket, (connection) =>
        connection.once('data', () => connection.destroy()),
      );
      expectRefusal(await stub.run(start, identity));
    });

    it('does not understand another protocol', async () => {
      server = await listenAsDaemon(stub.socket, (connection) =>
        connection.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      );
      expectRefusal(await stub.run(start, identity));
    });
  });
