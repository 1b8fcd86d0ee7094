import { expect } from 'chai';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { AuditFile } from '../../../daemon/observe/audit-file.ts';
import { AuditLog } from '../../../daemon/observe/audit-log.ts';
import { auditText, type AuditRecord } from '../../../daemon/observe/audit-record.ts';
import { runCommand } from '../../support/run-command.ts';

const record: AuditRecord = {
  event: 'launch',
  decision: 'allowed',
  launchId: auditText('1'),
  code: null,
  cause: null,
  detail: null,
  checks: [],
  caller: null,
  vm: null,
  domain: null,
  pod: null,
  mode: null,
  qemuPid: null,
  seconds: 0,
  suppressed: 0,
};

describe('the audit log', function () {
  this.timeout(30_000);
  let directory: string;
  let file: string;
  let lost: string[];

  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'knd-audit-'));
    file = path.join(directory, 'log/audit.log');
    lost = [];
  });
  afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

  const open = (isRequired = false): AuditLog =>
    new AuditLog({ path: file, stream: null, isRequired, onLost: ({ message }) => lost.push(message) });
  const linesOf = (name: string): readonly string[] => fs.readFileSync(name, 'utf8').split('\n').slice(0, -1);

  it('makes its directory and file for root alone, and appends', () => {
    for (let i = 0; i < 2; i++) {
      using log = open();
      log.write(record);
    }
    expect(linesOf(file)).to.have.lengthOf(2);
    expect(fs.statSync(file).mode & 0o7777).to.equal(0o600);
    expect(fs.statSync(path.dirname(file)).mode & 0o7777).to.equal(0o700);
  });

  it('takes from others the rights that they have to its file', () => {
    fs.mkdirSync(path.dirname(file));
    fs.writeFileSync(file, '');
    fs.chmodSync(file, 0o666);
    using log = open();
    log.write(record);
    expect(linesOf(file)).to.have.lengthOf(1);
    expect(fs.statSync(file).mode & 0o7777).to.equal(0o600);
  });

  it('goes on in a new file when the old one was renamed, removed, or renamed and announced', () => {
    using log = open();
    log.write(record);
    fs.renameSync(file, `${file}.1`);
    log.write(record);
    log.write(record);
    expect([linesOf(`${file}.1`).length, linesOf(file).length]).to.deep.equal([1, 2]);
    fs.rmSync(file);
    log.write(record);
    expect(linesOf(file)).to.have.lengthOf(1);
    fs.renameSync(file, `${file}.2`);
    log.reopen();
    expect(fs.existsSync(file)).to.equal(true);
    expect(lost).to.deep.equal([]);
  });

  it('goes on at the end of a file that was copied and cut', () => {
    using log = open();
    for (let i = 0; i < 3; i++) log.write(record);
    fs.copyFileSync(file, `${file}.1`);
    fs.truncateSync(file);
    log.write(record);
    expect([linesOf(`${file}.1`).length, linesOf(file).length]).to.deep.equal([3, 1]);
    expect(fs.readFileSync(file)[0]).to.equal('{'.charCodeAt(0));
  });

  const refused: readonly (readonly [string, () => void])[] = [
    ['a directory that others may write', () => fs.chmodSync(path.dirname(file), 0o777)],
    ["a directory that is not root's", () => fs.chownSync(path.dirname(file), 1, 1)],
    [
      'a link',
      () => {
        fs.writeFileSync(path.join(directory, 'other'), '');
        fs.symlinkSync(path.join(directory, 'other'), file);
      },
    ],
    [
      'a file with another name',
      () => {
        fs.writeFileSync(path.join(directory, 'other'), '');
        fs.linkSync(path.join(directory, 'other'), file);
      },
    ],
    [
      "a file that is not root's",
      () => {
        fs.writeFileSync(file, '');
        fs.chownSync(file, 1, 1);
      },
    ],
  ];
  for (const [what, prepare] of refused)
    it(`does not use ${what}`, () => {
      fs.mkdirSync(path.dirname(file));
      prepare();
      expect(() => new AuditFile(file)).to.throw(/^Cannot write the audit log ".*": /);
      expect(() => open(true)).to.throw('Cannot write the audit log');
      using log = open();
      log.write(record);
      expect(lost).to.have.lengthOf(2);
    });

  describe('on a disk that is full', () => {
    beforeEach(async () => {
      fs.mkdirSync(path.dirname(file));
      await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'knd-audit', path.dirname(file)]);
    });
    afterEach(async () => {
      await runCommand('umount', [path.dirname(file)]);
    });

    it('counts what is lost, and begins a new line when there is room again', () => {
      const filler = path.join(path.dirname(file), 'filler');
      using log = open();
      while (lost.length < 3) log.write(record);
      expect(lost[0]).to.match(/ENOSPC|bytes were written/);
      fs.writeFileSync(filler, '');
      fs.truncateSync(file, fs.statSync(file).size - 4096);
      log.write({ ...record, launchId: auditText('after') });
      const last = linesOf(file).at(-1) ?? '';
      expect(JSON.parse(last)).to.include({ launchId: 'after' });
    });

    it('has in the stream what the file lost, but not what is not allowed for that', () => {
      fs.writeFileSync(path.join(path.dirname(file), 'filler'), Buffer.alloc(56 * 1024));
      const write = (isRequired: boolean): number => {
        const stream = new PassThrough();
        using log = new AuditLog({
          path: file,
          stream,
          isRequired,
          onLost: ({ message }) => lost.push(message),
        });
        for (let i = 0; i < 100; i++)
          try {
            log.write(record);
          } catch {
            // not allowed
          }
        return String(stream.read() ?? '').split('\n').length - 1;
      };
      expect(write(false)).to.equal(100);
      expect(lost.length).to.be.within(1, 99);
      expect(write(true)).to.equal(0);
    });

    it('allows nothing where it is required', () => {
      using log = open(true);
      expect(() => {
        for (let i = 0; i < 1000; i++) log.write(record);
      }).to.throw('Cannot write the audit log');
      expect(lost).to.have.lengthOf(1);
    });
  });

  it('gives the stream the same lines', () => {
    const stream = new PassThrough();
    using log = new AuditLog({
      path: file,
      stream,
      isRequired: false,
      onLost: ({ message }) => lost.push(message),
    });
    log.write(record);
    expect(String(stream.read())).to.equal(fs.readFileSync(file, 'latin1'));
  });

  it('keeps no more for a reader that stopped than a megabyte, and loses nothing of that', () => {
    const stream = new PassThrough();
    using log = new AuditLog({
      path: null,
      stream,
      isRequired: true,
      onLost: ({ message }) => lost.push(message),
    });
    let written = 0;
    for (; lost.length === 0; written++) log.write(record);
    expect(lost).to.match(/^Cannot write the audit log to standard output: \d+ bytes wait for a reader$/);
    expect(stream.writableLength).to.be.within(1024 * 1024, 1024 * 1024 + 4096);
    stream.resume();
  });

  it('tells of a stream that takes no more', async () => {
    const stream = new Writable({
      write: (_chunk, _encoding, done) => done(new Error('ENOSPC')),
      autoDestroy: false,
    });
    using log = new AuditLog({
      path: null,
      stream,
      isRequired: false,
      onLost: ({ message }) => lost.push(message),
    });
    log.write(record);
    await new Promise(setImmediate);
    expect(lost).to.deep.equal(['Cannot write the audit log to standard output: ENOSPC']);
  });

  it('keeps the lines of several writers whole', async () => {
    const program = `
      import { AuditFile } from '${path.join(import.meta.dirname, '../../../daemon/observe/audit-file.ts')}';
      const file = new AuditFile(process.argv[1]);
      for (let i = 0; i < 500; i++) file.append(JSON.stringify({ who: process.pid, i, text: 'x'.repeat(i) }));
    `;
    fs.mkdirSync(path.dirname(file), { mode: 0o700 });
    const writers = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', program, file], { stdio: 'inherit' }),
    );
    await Promise.all(writers.map((each) => new Promise((resolve) => each.once('exit', resolve))));
    const lines = linesOf(file).map((line): unknown => JSON.parse(line));
    expect(lines).to.have.lengthOf(2000);
  });
});
