import { expect } from 'chai';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { readSchemas } from '../../../docs/generate/json-schemas.ts';
import { renderManuals } from '../../../docs/generate/manuals.ts';
import { readCommands } from '../../../docs/generate/read-commands.ts';
import { configKeys } from '../../../daemon/config/config-keys.ts';
import { matchSchema } from '../../support/match-schema.ts';

const root = join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

describe('the manuals that are made from other files', function () {
  this.timeout(20_000);

  it('are what "npm run generate:docs" makes', async () => {
    for (const [file, text] of await renderManuals())
      expect(read(file), `${file}: run "npm run generate:docs"`).to.equal(text);
  });

  it('have every command, every call and every key', async () => {
    const cli = read('docs/cli.md');
    const page = read('docs/man/node-driver.8').replaceAll('\\-', '-');
    for (const { name } of (await readCommands()).slice(1)) {
      expect(cli).to.include(`\n## node-driver ${name}\n`);
      expect(page).to.include(`\n.Ss node-driver ${name}\n`);
    }
    const calls = [...read('proto/kubevirt/nodedriver/v1/node_driver.proto').matchAll(/^ {2}rpc (\w+)/gmu)];
    expect(calls).to.have.length.above(5);
    for (const [, call = ''] of calls) expect(read('docs/api.md')).to.include(`\n### ${call}\n`);
    const config = read('docs/man/qemu-kube.conf.5').replaceAll('\\-', '-');
    for (const { key } of configKeys) expect(config).to.include(`\n.It Ic ${key}\n`);
  });
});

describe('docs/schemas/', () => {
  it('has a schema for each command with --json', async () => {
    const described = readSchemas().flatMap(({ commands }) => commands);
    const missing = (await readCommands())
      .filter(({ name, help }) => name !== '' && help.includes('--json'))
      .filter(({ name }) => !described.some((each) => each === name || each.startsWith(`${name} `)));
    expect(
      missing.map(({ name }) => name),
      'commands without a schema',
    ).to.deep.equal([]);
  });

  it('has none for a command that is gone', async () => {
    const names = (await readCommands()).map(({ name }) => name);
    for (const { name, commands } of readSchemas())
      for (const command of commands)
        expect(
          names.some((each) => command === each || command.startsWith(`${each} `)),
          name,
        ).to.equal(true);
  });

  it('describes every field', () => {
    for (const { name, schema } of readSchemas()) {
      const fields = [
        ...JSON.stringify(schema).matchAll(/"(\w+)":\{(?!"description")("\$?[a-z]+)/giu),
      ].filter(
        ([, field = '']) => !['items', 'additionalProperties', 'properties', 'definitions'].includes(field),
      );
      expect(
        fields.map(([, field]) => field),
        name,
      ).to.deep.equal([]);
    }
  });

  it('is what some test holds the output of the command to', () => {
    const files = [
      ...globSync('test/{unit,integration}/{commands,install}/*.test.ts', { cwd: root }),
      'test/support/run-command-line.ts',
    ];
    const texts = files.map(read).filter((text) => text.includes('matchSchema('));
    for (const { name } of readSchemas())
      expect(
        texts.some((text) => text.includes(`'${name}'`)),
        name,
      ).to.equal(true);
  });

  it('refuses what it does not describe', () => {
    const good = { file: '/etc/x', problems: [{ line: 1, text: 'a; b' }] };
    matchSchema('config-check', `${JSON.stringify(good)}\n`);
    for (const bad of [
      { ...good, more: 1 },
      { file: '/etc/x' },
      { ...good, problems: [{ line: '1', text: '' }] },
      { ...good, problems: [{ line: 1, text: '', more: 1 }] },
    ])
      expect(() => matchSchema('config-check', `${JSON.stringify(bad)}\n`)).to.throw(
        /expected false to equal true/u,
      );
  });
});

describe('the documents', () => {
  const pages = ['README.md', 'SECURITY.md', ...globSync('{docs,deploy}/**/*.md', { cwd: root })];

  it('link only to files and headings that there are', () => {
    const broken = pages.flatMap((page) =>
      [
        ...read(page)
          .replaceAll(/```[^]*?```/gu, '')
          .matchAll(/\]\(([^)\s]+)\)/gu),
      ].flatMap(([, link = '']) => {
        if (/^[a-z]+:/u.test(link)) return [];
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : join(dirname(page), path);
        if (!existsSync(join(root, target))) return [`${page}: ${link}`];
        if (anchor === undefined || !target.endsWith('.md')) return [];
        return anchorsOf(read(target)).includes(anchor) ? [] : [`${page}: ${link}`];
      }),
    );
    expect(broken).to.deep.equal([]);
  });

  it('are all within two links of README.md', () => {
    const linked = (page: string): readonly string[] =>
      [...read(page).matchAll(/\]\(([^)#\s:]+)[^)]*\)/gu)].map(([, link = '']) => join(dirname(page), link));
    const near = new Set(
      linked('README.md').flatMap((page) => [page, ...(page.endsWith('.md') ? linked(page) : [])]),
    );
    const lonely = globSync('docs/*.md', { cwd: root }).filter((page) => !near.has(page));
    expect(lonely).to.deep.equal([]);
  });
});

/** As the usual renderers make them of headings. */
function anchorsOf(text: string): readonly string[] {
  return [...text.replaceAll(/```[^]*?```/gu, '').matchAll(/^#+ (.+)$/gmu)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/gu, '-'),
  );
}
