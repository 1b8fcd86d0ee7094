import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { runCommand } from '../../support/run-command.ts';
import { waitUntil } from '../../support/wait-until.ts';

const fatalModule = path.resolve(import.meta.dirname, '../../../daemon/commands/end-on-fatal-error.ts');
const loggerModule = path.resolve(import.meta.dirname, '../../../daemon/observe/logger.ts');

/** Runs statements in a process of its own, whose stderr is a pipe, with `logger` in scope. */
async function logLines(options: string, statements: string): Promise<readonly string[]> {
  const script = `
    import { createLogger, errorFields } from ${JSON.stringify(loggerModule)};
    const logger = createLogger(${options});
    ${statements}
    await logger.close();
  `;
  const { stdout, stderr } = await runCommand(process.execPath, ['--input-type=module', '--eval', script]);
  expect(stdout).to.equal('');
  return stderr.split('\n').slice(0, -1);
}

describe('createLogger()', () => {
  it('loses none of 2,000 lines into a pipe, even when the process exits right after close()', async () => {
    const lines = await logLines(
      '{ level: "info", format: "json" }',
      `for (let index = 0; index < 2000; index += 1) logger.info('Line', { index, filler: 'x'.repeat(200) });
       await logger.close(); process.exit(0);`,
    );
    const indexes = lines.map((line) => /"index":(\d+),/u.exec(line)?.[1]);
    expect(indexes).to.deep.equal(Array.from({ length: 2_000 }, (_, index) => String(index)));
  });

  const last: readonly (readonly [string, string, string])[] = [
    ['an ordinary end', 'await logger.close();', ''],
    ['a close that is called twice', 'void logger.close(); await logger.close();', ''],
    ['an error that nobody handles', "setTimeout(() => { throw new Error('boom'); }, 10);", 'boom'],
    ['a promise that nobody handles', "void Promise.reject(new Error('boom'));", 'boom'],
    ['an error that is none', "setTimeout(() => { throw 'boom'; }, 10);", 'boom'],
  ];
  for (const [what, statements, error] of last)
    for (const target of ['a file', 'a pipe whose reader is slow'])
      it(`has all lines in ${target} after ${what}`, async () => {
        const directory = mkdtempSync(path.join(tmpdir(), 'knd-log-'));
        const file = path.join(directory, 'log');
        const script = path.join(directory, 'script.ts');
        try {
          writeFileSync(
            script,
            `
            import { createLogger } from ${JSON.stringify(loggerModule)};
            import { endOnFatalError } from ${JSON.stringify(fatalModule)};
            const logger = createLogger({ level: 'info', format: 'json' });
            endOnFatalError(logger);
            for (let index = 0; index < 2000; index += 1) logger.info('Line', { index, filler: 'x'.repeat(200) });
            ${statements}`,
          );
          const run = `"${process.execPath}" "${script}"`;
          const command =
            target === 'a file'
              ? `${run} 2> "${file}"`
              : `{ ${run} 2>&1 >/dev/null; echo "status $?" >&2; } | { sleep 1; cat > "${file}"; }`;
          const { status, stderr } = await runCommand('sh', ['-c', command], { allowFailure: true });
          const wanted = error === '' ? 0 : 1;
          if (target === 'a file') expect(status).to.equal(wanted);
          else expect(stderr).to.equal(`status ${wanted}\n`);
          const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
          const parsed = lines.map((line) => JSON.parse(line) as { index?: number; error?: string });
          expect(parsed.slice(0, 2000).map(({ index }) => index)).to.deep.equal(
            Array.from({ length: 2_000 }, (_, index) => index),
          );
          expect(parsed.slice(2000).map((line) => line.error)).to.deep.equal(error === '' ? [] : [error]);
        } finally {
          rmSync(directory, { recursive: true });
        }
      }).timeout(20_000);

  it('keeps no more than a megabyte for a reader that stopped, waits for nobody, and tells later what was lost', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'knd-log-'));
    const fifo = path.join(directory, 'log');
    const script = `
      import { createLogger } from ${JSON.stringify(loggerModule)};
      import { writeFileSync } from 'node:fs';
      const logger = createLogger({ level: 'info', format: 'json' });
      for (let index = 0; index < 8192; index += 1) {
        logger.info('Line', { index, filler: 'x'.repeat(1024) });
        if (index % 64 === 0) await new Promise(setImmediate);
      }
      logger.debug('No line');
      writeFileSync(${JSON.stringify(path.join(directory, 'waiting'))}, String(process.stderr.writableLength));
      await new Promise((resolve) => process.stderr.once('drain', resolve));
      logger.info('Last');
      await logger.close();`;
    await runCommand('mkfifo', [fifo]);
    const end = openSync(fifo, 'r+');
    try {
      const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
        stdio: ['ignore', 'ignore', end],
      });
      const ended = once(child, 'exit');
      const waiting = await waitUntil(
        'it has written all that it has to say',
        () => {
          try {
            return Number(readFileSync(path.join(directory, 'waiting'), 'utf8')) || undefined;
          } catch {
            return undefined;
          }
        },
        20_000,
      );
      expect(waiting).to.be.within(1024 * 1024, 1024 * 1024 + 4096);
      let text = '';
      const reader = new net.Socket({ fd: openSync(fifo, 'r+'), readable: true, writable: false });
      reader.on('data', (data) => (text += data.toString()));
      await ended;
      await waitUntil('all is read', () => (text.includes('"msg":"Last"') ? true : undefined), 5000);
      reader.destroy();
      const lines = text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as { msg: string; index?: number; lost?: number });
      const indexes = lines.flatMap(({ index }) => index ?? []);
      expect(indexes).to.deep.equal(Array.from(indexes, (_, index) => index));
      const others = lines.filter(({ index }) => index === undefined);
      expect(others.map(({ msg }) => msg)).to.deep.equal([
        'Lines of the log were lost: nobody read it, or there was no room for it',
        'Last',
      ]);
      expect(others[0]?.lost).to.equal(8192 - indexes.length);
    } finally {
      closeSync(end);
      rmSync(directory, { recursive: true });
    }
  }).timeout(40_000);

  it('closes where there is no room for the last lines either', async () => {
    const script = `
      import { createLogger } from ${JSON.stringify(loggerModule)};
      const logger = createLogger({ level: 'info', format: 'json' });
      for (let index = 0; index < 3; index += 1) logger.info('Line');
      await logger.close();`;
    const run = `"${process.execPath}" --input-type=module --eval "$0" 2> /dev/full`;
    expect((await runCommand('sh', ['-c', run, script], { allowFailure: true })).status).to.equal(0);
  });

  for (const [what, target] of [
    ['there is no room', '> /dev/full'],
    ['its reader has gone', '> "$1"'],
  ] as const)
    it(`goes on where ${what}`, async () => {
      const directory = mkdtempSync(path.join(tmpdir(), 'knd-log-'));
      const script = `
        import { createLogger } from ${JSON.stringify(loggerModule)};
        import { closeSync, openSync } from 'node:fs';
        const logger = createLogger({ level: 'info', format: 'json' });
        closeSync(3);
        for (let index = 0; index < 3; index += 1) {
          logger.info('Line');
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        console.log('went on');
        await logger.close();`;
      try {
        const fifo = path.join(directory, 'log');
        await runCommand('mkfifo', [fifo]);
        const run = `exec 3<> "$1"; "${process.execPath}" --input-type=module --eval "$0" 2${target} 3<&3`;
        const { status, stdout } = await runCommand(
          'sh',
          ['-c', `${run} & exec 3<&-; wait $!`, script, fifo],
          {
            allowFailure: true,
          },
        );
        expect([status, stdout]).to.deep.equal([0, 'went on\n']);
      } finally {
        rmSync(directory, { recursive: true });
      }
    });

  it('writes one JSON object a line, whose first keys no field can replace', async () => {
    const [line = ''] = await logLines(
      '{ level: "info", format: "json" }',
      `logger.child('api').warn('Peer rejected', { level: 'fake', msg: 'fake', component: 'fake', ts: 'fake', peerUid: 7, note: 'a\\nb' });`,
    );
    expect(line).to.match(
      /^\{"ts":"\d{4}-\d\d-\d\dT[0-9:.]+Z","level":"warn","msg":"Peer rejected","component":"api","peerUid":7,"note":"a\\nb"\}$/u,
    );
  });

  it('writes text for people, one line each', async () => {
    const [line = '', ...others] = await logLines(
      '{ level: "info", format: "text" }',
      `logger.info('Serving', { socket: '/run/a b', skipped: undefined, note: 'a\\nb' });`,
    );
    expect(line).to.match(/^\S+Z info {2}daemon: Serving socket="\/run\/a b" note="a\\nb"$/u);
    expect(others).to.deep.equal([]);
  });

  const odd = String.raw`a\u009b31m\u202eb\u2028\u007f\u200b\u{e0001}é`;
  for (const [format, shown] of [
    ['json', String.raw`a\u009b31m\u202eb\u2028\u007f\u200b\udb40\udc01\u00e9`],
    ['text', String.raw`a\u009b31m\u202eb\u2028\u007f\u200b\udb40\udc01é`],
  ] as const)
    it(`writes no control or formatting character of a field as ${format}`, async () => {
      const [line = ''] = await logLines(
        `{ level: "info", format: "${format}" }`,
        `logger.info('Odd', { stub: '${odd}', list: ['${odd}'] });`,
      );
      expect(line.split(shown)).to.have.lengthOf(3);
      if (format === 'json') expect(line).to.match(/^[\x20-\x7e]*$/);
      else expect(line).to.not.match(/[\p{C}\p{Zl}\p{Zp}]/u);
    });

  it('keeps back what is below its level, which can be changed', async () => {
    const lines = await logLines(
      '{ level: "warn", format: "json" }',
      `logger.info('No'); logger.error('Yes'); logger.setLevel('debug'); logger.child('x').debug('Now');`,
    );
    expect(lines.map((line) => /"msg":"(\w+)"/u.exec(line)?.[1])).to.deep.equal(['Yes', 'Now']);
  });

  it('writes an error with its code and stack', async () => {
    const [line = ''] = await logLines(
      '{ level: "info", format: "json" }',
      `logger.error('Failed', errorFields(Object.assign(new Error('no such thing'), { code: 'ENOENT' })));`,
    );
    expect(line).to.include('"error":"no such thing","errorCode":"ENOENT","stack":"Error: no such thing');
  });
});
