import { expect } from 'chai';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { runCommand } from '../../support/run-command.ts';

const root = join(import.meta.dirname, '../../..');
const pages = globSync('docs/man/*', { cwd: root }).sort();

describe('the manual pages', function () {
  this.timeout(20_000);

  it('are there', () => {
    expect(pages.map((page) => page.slice('docs/man/'.length))).to.deep.equal([
      'node-driver.8',
      'qemu-kube.8',
      'qemu-kube.conf.5',
    ]);
  });

  for (const page of pages) {
    it(`${page} has nothing that mandoc warns of`, async () => {
      const { status, stdout } = await runCommand('mandoc', ['-Tlint', '-Wwarning', join(root, page)], {
        allowFailure: true,
      });
      expect(stdout).to.equal('');
      expect(status).to.equal(0);
    });

    it(`${page} is laid out, with its name, its sections and no line too wide`, async () => {
      const { stdout } = await runCommand('mandoc', ['-Tascii', '-Owidth=78', join(root, page)]);
      const text = stdout.replaceAll(/.\x08/gu, '');
      const name = page.replace(/^docs\/man\/(.+)\.[0-9]$/u, '$1');
      expect(text).to.match(new RegExp(`^NAME\n\\s+${name.replaceAll('.', '\\.')}`, 'mu'));
      for (const section of ['SYNOPSIS', 'DESCRIPTION', 'SEE ALSO', 'FILES'])
        expect(text).to.include(`\n${section}\n`);
      expect(readFileSync(join(root, page), 'utf8')).to.not.match(/\t| $/mu);
    });
  }
});
