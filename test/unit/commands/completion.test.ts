import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { runCommandLine } from '../../../daemon/commands/command-line.ts';
import { bufferIo } from '../../support/buffer-io.ts';

describe('node-driver completion', function () {
  // It loads all commands.
  this.timeout(30_000);

  const print = async (...args: readonly string[]): Promise<{ status: number; out: string; err: string }> => {
    const io = bufferIo();
    return { status: await runCommandLine(['completion', ...args], io), ...io.written };
  };
  /** What bash offers for a line that is written so far. */
  const complete = async (...words: readonly string[]): Promise<readonly string[]> => {
    const { out } = await print('bash');
    const test = `${out}
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _node_driver; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', test, 'bash', 'node-driver', ...words], {
      encoding: 'utf8',
    });
    expect(stderr).to.equal('');
    return stdout.split('\n').filter(Boolean);
  };

  it('offers the commands', async () => {
    expect(await complete('')).to.include.members(['serve', 'machines', 'secret', 'config', '--version']);
    expect(await complete('ma')).to.deep.equal(['machines']);
    expect(await complete('domain-x')).to.deep.equal(['domain-xml']);
    expect(await complete('domain-xml', '--pa')).to.deep.equal(['--patch']);
  });

  it('offers what a command consists of, and its options', async () => {
    expect(await complete('secret', '')).to.include.members(['new', 'keygen', 'seal', 'verify', '--help']);
    expect(await complete('machines', '')).to.include.members(['list', 'show', 'watch', 'signal']);
    expect(await complete('resolve', '--u')).to.deep.equal(['--uuid']);
    expect(await complete('secret', 'seal', '--pod')).to.deep.equal(['--pod-uid']);
    expect(await complete('config', 'check', '--config', '--j')).to.deep.equal(['--json']);
  });

  it('offers nothing where it knows nothing', async () => {
    expect(await complete('xyzzy', '')).to.deep.equal([]);
  });

  it('is the same for zsh, by its emulation of bash', async () => {
    const [bash, zsh] = [await print('bash'), await print('zsh')];
    expect(zsh.out).to.equal(`autoload -Uz bashcompinit && bashcompinit\n${bash.out}`);
  });

  for (const args of [[], ['fish'], ['bash', 'zsh']])
    it(`ends ${JSON.stringify(args)} with 2`, async () => {
      const { status, err } = await print(...args);
      expect(status).to.equal(2);
      expect(err).to.equal('Cannot run completion: say "bash" or "zsh"; see node-driver completion --help\n');
    });
});
