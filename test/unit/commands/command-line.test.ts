import { expect } from 'chai';
import fs from 'node:fs';
import path from 'node:path';

import { runCommandLine } from '../../../daemon/commands/command-line.ts';
import { bufferIo } from '../../support/buffer-io.ts';

describe('runCommandLine()', () => {
  const cases = [
    { args: ['--help'], status: 0, out: /^Usage: node-driver COMMAND[^]*\n {2}resolve {2,}\S/u, err: /^$/u },
    { args: [], status: 2, out: /^$/u, err: /^Usage: node-driver COMMAND/u },
    { args: ['--version'], status: 0, out: /^node-driver \d+\.\d+\.\d+.*, node \d+/u, err: /^$/u },
    {
      args: ['machine'],
      status: 2,
      out: /^$/u,
      err: /"machine": there is no such command; did you mean "machines"\?\n$/u,
    },
    { args: ['xyzzyx'], status: 2, out: /^$/u, err: /see node-driver --help\n$/u },
    { args: ['resolve', '--help'], status: 0, out: /^Usage: node-driver resolve/u, err: /^$/u },
    { args: ['resolve'], status: 2, out: /^$/u, err: /--uuid is missing/u },
    {
      args: ['resolve', '--uuid'],
      status: 2,
      out: /^$/u,
      err: /^Cannot run resolve: [^\n]*; see node-driver resolve --help\n$/u,
    },
    { args: ['resolve', '--frob'], status: 2, out: /^$/u, err: /Unknown option '--frob'/u },
    { args: ['machines', '--help'], status: 0, out: /^Usage: node-driver machines/u, err: /^$/u },
    { args: ['machines', 'show'], status: 2, out: /^$/u, err: /"show" and a launch id/u },
    { args: ['machines', 'list', 'all'], status: 2, out: /^$/u, err: /say "list"/u },
    { args: ['machines', 'watch', 'all'], status: 2, out: /^$/u, err: /say "list"/u },
    { args: ['machines', 'signal', 'id'], status: 2, out: /^$/u, err: /a launch id and a signal/u },
    { args: ['machines', 'signal', 'id', 'NOPE'], status: 2, out: /^$/u, err: /^Cannot send "NOPE"/u },
    {
      args: ['resolve', '--uuid', 'a', '--socket', '/nonexistent/api.sock'],
      status: 1,
      out: /^$/u,
      err: /no such socket; start "node-driver serve"/u,
    },
  ];
  for (const { args, status, out, err } of cases)
    it(`ends ${JSON.stringify(args)} with ${status}`, async () => {
      const io = bufferIo();
      expect(await runCommandLine(args, io)).to.equal(status);
      expect(io.written.out).to.match(out);
      expect(io.written.err).to.match(err);
    });

  it('lists commands that all load', async () => {
    const io = bufferIo();
    await runCommandLine(['--help'], io);
    const names = [...io.written.out.matchAll(/^ {2}([a-z]+) {2,}/gmu)].map(([, name]) => name ?? '');
    expect(names).to.include.members(['resolve', 'machines', 'inspect']);
    for (const name of names) {
      const help = bufferIo();
      expect(await runCommandLine([name, '--help'], help), name).to.equal(0);
      expect(help.written.out, name).to.include(`Usage: node-driver ${name}`);
    }
  });
});

describe('daemon/main.ts', () => {
  const file = path.resolve(import.meta.dirname, '../../../daemon/main.ts');

  it('is executable, for Node', () => {
    expect(fs.statSync(file).mode & 0o111).to.equal(0o111);
    expect(fs.readFileSync(file, 'utf8')).to.match(/^#!\/usr\/bin\/env -S node --disable-sigusr1\n/u);
  });
});
