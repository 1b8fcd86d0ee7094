import { expect } from 'chai';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runNodeDriver, type CommandOutcome } from '../../support/run-command-line.ts';
import { Scratch } from '../../support/scratch.ts';

const local = '/usr/bin/qemu-system-x86_64';
const name = 'qemu-system-x86_64';

describe('node-driver uninstall', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let target: string;
  beforeEach(() => {
    scratch = Scratch.open('test');
    target = join(scratch.directory, 'emulators');
    mkdirSync(target, { mode: 0o755 });
  });
  afterEach(() => scratch.close());

  const install = (...args: readonly string[]): Promise<CommandOutcome> =>
    runNodeDriver('install', '--target', target, '--local', local, ...args);
  const uninstall = (...args: readonly string[]): Promise<CommandOutcome> =>
    runNodeDriver('uninstall', '--target', target, ...args);

  it('removes what was installed, last the directory, and then has nothing to remove', async () => {
    await install('--emulator', name);
    const directory = join(target, 'default');
    expect(JSON.parse((await uninstall('--emulator', name, '--json')).out)).to.deep.equal({
      emulator: join(directory, name),
      removed: [
        join(directory, name),
        join(directory, `.${name}.installed`),
        join(directory, 'local'),
        directory,
      ],
    });
    expect(readdirSync(target)).to.deep.equal([]);
    expect(await uninstall('--emulator', name)).to.deep.equal({
      status: 0,
      out: `${join(directory, name)} is not installed\n`,
      err: '',
    });
  });

  it('leaves another stub of the profile its link, and what others have put there', async () => {
    await install('--emulator', 'one');
    await install('--emulator', 'two');
    await uninstall('--emulator', 'one');
    expect(readdirSync(join(target, 'default'))).to.have.members(['two', '.two.installed', 'local']);
    writeFileSync(join(target, 'default/notes'), '');
    await uninstall('--emulator', 'two');
    expect(readdirSync(join(target, 'default'))).to.have.members(['notes', 'local']);
  });

  it('does not remove what it has not put there as it is', async () => {
    await install('--emulator', 'one');
    writeFileSync(join(target, 'default/one'), 'changed', { flag: 'a' });
    mkdirSync(join(target, 'other'));
    writeFileSync(join(target, 'other/one'), 'of somebody');
    for (const profile of ['default', 'other']) {
      const { status, err } = await uninstall('--emulator', 'one', '--profile', profile);
      expect(status).to.equal(1);
      expect(err).to.match(/^Cannot uninstall: .* is not what was installed there; .*rm /u);
      expect(readdirSync(join(target, profile))).to.include('one');
    }
  });

  it('ends wrong usage with 2', async () => {
    expect(await uninstall('--mode', 'fork')).to.include({ status: 2, out: '' });
  });
});
