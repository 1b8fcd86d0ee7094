import { expect } from 'chai';
import { rmSync, symlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';

import { findQemuAccount } from '../../support/qemu-account.ts';
import type { CommandResult } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';
import { InstalledStub, listenAsDaemon } from './installed-stub.ts';

/** `cat` is an emulator that tells who it is. */
const tell = ['/proc/self/status'];
const NO_CAPABILITIES = '0000000000000000';

function fieldsOf({ stdout }: CommandResult): ReadonlyMap<string, string> {
  const lines = stdout.split('\n').map((line) => line.split(':\t'));
  return new Map(lines.map(([name = '', value = '']) => [name, value.trim()]));
}

for (const program of ['qemu-kube', 'qemu-kube-exec'] as const)
  describe(`a capability probe of ${program}`, function () {
    this.timeout(60_000);
    const { uid, gid } = findQemuAccount();
    let scratch: Scratch;
    let stub: InstalledStub;
    let local: string;
    let server: Server;
    let connections = 0;

    before(async () => {
      scratch = Scratch.open('test');
      stub = await InstalledStub.install(scratch, program);
      local = join(stub.directory, 'local');
      server = await listenAsDaemon(stub.socket, () => (connections += 1));
    });
    after(async () => {
      server.close();
      await scratch.close();
    });
    afterEach(() => {
      rmSync(local, { force: true });
      stub.makeSetuid(true);
      expect(connections, 'connections to the daemon').to.equal(0);
    });

    for (const setuid of [true, false])
      it(`runs the local emulator without privileges, ${setuid ? 'setuid' : 'without setuid'}`, async () => {
        symlinkSync('/bin/cat', local);
        stub.makeSetuid(setuid);
        const fields = fieldsOf(await stub.run(tell));
        expect(fields.get('Uid')).to.equal([uid, uid, uid, uid].join('\t'));
        expect(fields.get('Gid')).to.equal([gid, gid, gid, gid].join('\t'));
        for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb'])
          expect(fields.get(set), set).to.equal(NO_CAPABILITIES);
      });

    it('keeps none of the capabilities that the caller lends it', async () => {
      symlinkSync('/bin/cat', local);
      stub.makeSetuid(false);
      const fields = fieldsOf(await stub.runWithCapabilities(tell, ['setuid', 'dac_override']));
      expect(fields.get('Uid')).to.equal([uid, uid, uid, uid].join('\t'));
      for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb'])
        expect(fields.get(set), set).to.equal(NO_CAPABILITIES);
    });

    it('runs in place, with its arguments, its environment and argv[0] as the path of the emulator', async () => {
      symlinkSync('/bin/cat', local);
      const { stdout } = await stub.run(['/proc/self/cmdline', '/proc/self/environ'], { LC_ALL: 'C' });
      const expected = [local, '/proc/self/cmdline', '/proc/self/environ', 'LC_ALL=C'];
      expect(stdout.split('\0')).to.deep.equal([...expected, '']);
    });

    it('never runs the stub again, and says what is missing', async () => {
      symlinkSync(stub.path, local);
      const { status, stderr } = await stub.run(tell);
      expect(status).to.equal(125);
      expect(stderr).to.match(
        /^qemu-kube(-exec)?: Cannot run an emulator for libvirt's capability probe: [^\n]+\n$/,
      );
    });

    it('says why the local emulator does not run', async () => {
      symlinkSync('/etc/passwd', local);
      const { status, stderr } = await stub.run(tell);
      expect(status).to.equal(125);
      expect(stderr).to.include('Permission denied');
    });
  });
