import { expect } from 'chai';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { runCommand, type CommandResult } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';

const root = join(import.meta.dirname, '../../..');

describe('the entry point of the image', () => {
  let scratch: Scratch;
  let image: string;
  beforeEach(() => {
    scratch = Scratch.open('test');
    image = join(scratch.directory, 'image');
    for (const directory of ['app/stub/build', 'proc', 'app/bin', 'nodejs/bin', 'usr/bin'])
      mkdirSync(join(image, directory), { recursive: true });
    copyFileSync(join(root, 'stub/build/node-driver'), join(image, 'app/stub/build/node-driver'));
  });
  afterEach(() => scratch.close());

  /** Runs it in a root that has nothing but what the test puts there. */
  const run = (...args: readonly string[]): Promise<CommandResult> =>
    runCommand('chroot', [image, '/app/stub/build/node-driver', ...args], { allowFailure: true });
  const mountProc = (): Promise<CommandResult> =>
    runCommand('mount', ['--bind', '/proc', join(image, 'proc')]);

  for (const place of ['app/bin/node', 'nodejs/bin/node', 'usr/bin/node'])
    it(`executes Node in /${place} with the daemon beside it, and passes its arguments on`, async () => {
      await mountProc();
      copyFileSync(join(root, 'test/fixtures/build/fake-emulator'), join(image, place));
      const { status, stdout } = await run('machines', 'a b', '', 'exit=7');
      const args = [...stdout.matchAll(/^arg (.*)$/gmu)].map(([, hex = '']) =>
        Buffer.from(hex, 'hex').toString(),
      );
      expect(args).to.deep.equal([
        `/${place}`,
        '--disable-sigusr1',
        '--max-semi-space-size=1',
        '--max-old-space-size=128',
        '/app/dist/daemon/main.js',
        ...['machines', 'a b', '', 'exit=7'],
      ]);
      expect(status).to.equal(7);
    });

  it('says in one line what is missing, and ends with 127', async () => {
    expect(await run('serve')).to.include({
      status: 127,
      stderr:
        'node-driver: Cannot find the daemon beside this program: No such file or directory; mount /proc\n',
    });
    await mountProc();
    const withoutNode = await run('serve');
    expect(withoutNode.status).to.equal(127);
    expect(withoutNode.stderr).to.match(
      /^node-driver: Cannot execute Node: No such file or directory; [^\n]+\n$/u,
    );
    const crowded = await run(...Array<string>(256).fill('a'));
    expect(crowded).to.include({
      status: 127,
      stderr: 'node-driver: Cannot start: Argument list too long; give fewer arguments\n',
    });
  });
});
