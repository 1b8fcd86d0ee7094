import { expect } from 'chai';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { refusalCodes } from '../../../daemon/errors.ts';
import { readDaemonTexts, readProgramTexts, readRefusals } from '../../support/read-messages.ts';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8');

interface Entry {
  readonly title: string;
  readonly text: string;
  readonly messages: readonly string[];
}

/** What stands below each heading of the third level, or of the second where there are none below. */
function readEntries(section: string): readonly Entry[] {
  const [, body = ''] = new RegExp(`^## ${section}\n([^]*?)(?=^## |$(?![^]))`, 'mu').exec(page) ?? [];
  const parts = body.split(/^### /mu);
  return (parts.length === 1 ? [`${section}\n${body}`] : parts.slice(1)).map((part) => {
    const [title = '', ...rest] = part.split('\n');
    const text = rest.join('\n');
    const fences = [...text.matchAll(/```text\n([^]*?)\n```/gu)].map(([, lines = '']) => lines);
    return { title, text, messages: fences.flatMap((fence) => fence.split('\n')) };
  });
}

const sections = [...page.matchAll(/^## (.+)$/gmu)].map(([, title = '']) => title);
const all = sections.flatMap(readEntries);

/** Whether a line of the page stands for a text: it ends where the text goes on with a remedy, or with what differs. */
function standsFor(line: string, text: string): boolean {
  const beginning = line.replace(/…$/u, '');
  return (
    text === line ||
    (text.startsWith(beginning) && (beginning !== line || /^[;:,]|^$/u.test(text.slice(line.length))))
  );
}

function unexplained(
  texts: readonly { readonly file: string; readonly text: string }[],
  entries: readonly Entry[],
): readonly string[] {
  const lines = entries.flatMap(({ messages }) => messages);
  return texts
    .filter(({ text }) => !lines.some((line) => standsFor(line, text)))
    .map(({ file, text }) => `${file}: ${text}`);
}

/** Tests that an entry names. */
function testsOf({ text }: Entry): readonly string[] {
  const [, list = ''] = /^- Test: (.+)$/mu.exec(text) ?? [];
  return [...list.matchAll(/`(test\/[^`]+)`/gu)].map(([, file = '']) => file);
}

/** A test with what it imports of the tests' own: tables of cases stand there. */
function readTest(file: string): string {
  const text = readFileSync(join(root, file), 'utf8');
  const imports = [...text.matchAll(/from '(\.[^']+)'/gu)].map(([, path = '']) => join(dirname(file), path));
  return [
    text,
    ...imports
      .filter((each) => each.startsWith('test/'))
      .map((each) => readFileSync(join(root, each), 'utf8')),
  ].join('\n');
}

describe('docs/troubleshooting.md', function () {
  this.timeout(20_000);

  it('has an entry for each code of a refusal, and for no other', () => {
    expect(readEntries('Refusals').map(({ title }) => title)).to.have.members(refusalCodes);
  });

  const told = readRefusals();

  for (const entry of readEntries('Refusals'))
    it(`${entry.title}: says what one sees, why, what to do and how to verify that`, () => {
      expect(entry.text)
        .to.match(/\n- Why: /u)
        .and.match(/\n- Do: |start the VM again/u)
        .and.match(/\n- Verify: /u);
      const refusals = told.filter(({ code }) => code === entry.title);
      expect(unexplained(refusals, [entry]), 'not in the entry').to.deep.equal([]);
    });

  for (const entry of readEntries('Refusals'))
    it(`${entry.title}: names a test that makes this mistake`, () => {
      const tests = testsOf(entry);
      expect(tests).to.not.deep.equal([]);
      const signs = [
        `'${entry.title}'`,
        `(${entry.title})`,
        ...entry.messages.map((line) => line.slice(0, 40).replace(/…[^]*$/u, '')),
      ];
      for (const test of tests) {
        const text = readTest(test);
        expect(
          signs.filter((sign) => sign.length > 5 && text.includes(sign)),
          test,
        ).to.not.deep.equal([]);
      }
    });

  it('has what the programs in C say', () => {
    const broker = /^stub\/broker\.c$/u;
    const texts = readProgramTexts().filter(({ file }) => !broker.test(file));
    expect(unexplained(texts, all)).to.deep.equal([]);
  });

  it('has what the daemon logs as a warning or an error', () => {
    const logged = globSync('daemon/**/*.ts', { cwd: root }).flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/logger\.(?:warn|error)\(\s*'([^']+)'/gu)].map(
        ([, text = '']) => ({ file, text }),
      ),
    );
    expect(logged).to.have.length.above(15);
    expect(unexplained(logged, readEntries('What the daemon logs'))).to.deep.equal([]);
  });

  it('has what keeps the daemon from starting, and what commands end with', () => {
    const errors = globSync('daemon/**/*.ts', { cwd: root, exclude: ['daemon/api/generated/**'] }).flatMap(
      (file) =>
        [
          ...readFileSync(join(root, file), 'utf8').matchAll(
            /throw new (?:Error|UsageError)\(\s*(['`])(Cannot[^]*?)\1/gu,
          ),
        ].map(([, , text = '']) => ({
          file,
          text: text.replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/gu, '…'),
        })),
    );
    expect(errors).to.have.length.above(20);
    const seen = errors.filter(
      ({ text }) => !faults.some((fault) => text.startsWith(fault)) && !/^Cannot run [a-z]/u.test(text),
    );
    expect(unexplained(seen, all)).to.deep.equal([]);
  });

  it('has no entry for what nobody says any more', () => {
    const said = [...readDaemonTexts(), ...readProgramTexts()];
    const gone = all
      .flatMap(({ messages }) => messages)
      .filter((line) => !said.some(({ text }) => standsFor(line, text) || text.includes(line)));
    expect(gone).to.deep.equal([]);
  });

  it('names only tests that there are', () => {
    const named = [...page.matchAll(/`(test\/[^`]+\.test\.ts)`/gu)].map(([, file = '']) => file);
    expect(named.filter((file) => !existsSync(join(root, file)))).to.deep.equal([]);
  });

  it('has each code of a problem of an installation', () => {
    const source = readFileSync(join(root, 'daemon/install/install-problem.ts'), 'utf8');
    const codes = [...source.matchAll(/^ {2}\| '([a-z-]+)'/gmu)].map(([, code = '']) => code);
    const [entry] = readEntries('Problems of an installation');
    const explained = [...(entry?.text ?? '').matchAll(/^\| (`[^|]+`) +\|/gmu)].flatMap(([, cell = '']) =>
      cell.replaceAll('`', '').split(', '),
    );
    expect(explained).to.have.members(codes);
  });
});

/** What can only be the program's own fault; nobody is to see it. */
const faults = [
  'Cannot set the condition',
  'Cannot compile a filter of nothing',
  'Cannot describe the metric',
  'Cannot read the record of a machine',
  'Cannot follow launch',
  'Cannot find the file descriptor of a socket',
  'Cannot use process',
  'Cannot stop reading from a socket',
  'Cannot reach the broker',
  'Cannot start the shim of a VM',
] as const;
