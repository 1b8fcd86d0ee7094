import { expect } from 'chai';
import { createPublicKey } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { runCommandLine } from '../../../daemon/commands/command-line.ts';
import { keyIdOf } from '../../../daemon/secret/key-id.ts';
import { bufferIo } from '../../support/buffer-io.ts';
import { matchSchema } from '../../support/match-schema.ts';

const uuid = '7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10';
const podUid = '3c9a6f0e-5f0b-4c55-9a53-6a7d2b3c1e00';

interface Result {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function run(args: readonly string[], input = ''): Promise<Result> {
  const io = bufferIo(input);
  const status = await runCommandLine(['secret', ...args], io);
  return { status, ...io.written };
}

const schemas: Readonly<Record<string, string>> = {
  new: 'secret-new',
  keygen: 'secret-keygen',
  seal: 'secret-seal',
  verify: 'secret-verify',
};

async function runJson(args: readonly string[], input = ''): Promise<Readonly<Record<string, unknown>>> {
  const { out, err } = await run([...args, '--json'], input);
  expect(out, err).to.match(/^\{[^\n]*\}\n$/);
  matchSchema(schemas[args[0] ?? ''] ?? '', out);
  const value: unknown = JSON.parse(out);
  if (typeof value !== 'object' || value === null) throw new Error('no object');
  return Object.fromEntries(Object.entries(value));
}

describe('node-driver secret', function () {
  this.timeout(20_000);
  let directory: string;
  let key: string;
  let publicKey: string;
  const at = (name: string): string => path.join(directory, name);
  const modeOf = (file: string): string => (fs.statSync(file).mode & 0o7777).toString(8);

  before(async () => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'knd-secret-'));
    [key, publicKey] = [at('key.pem'), at('public.pem')];
    const made = await run(['keygen', '--out', key, '--public', publicKey, '--bits', '2048']);
    expect(made, made.err).to.include({ status: 0 });
    fs.writeFileSync(at('secret'), 'open-sesame\n', { mode: 0o600 });
  });
  after(() => fs.rmSync(directory, { recursive: true, force: true }));

  const seal = (...more: readonly string[]): readonly string[] => [
    'seal',
    '--key',
    publicKey,
    '--uuid',
    uuid,
    ...more,
  ];
  const jwe = (...more: readonly string[]): readonly string[] => seal('--pod-uid', podUid, ...more);
  const verify = (...more: readonly string[]): readonly string[] => [
    'verify',
    '--secret-file',
    at('secret'),
    '--key',
    key,
    ...more,
  ];
  const tokenOf = async (args: readonly string[]): Promise<string> =>
    String((await runJson(args, 'open-sesame'))['secret']);

  describe('with a wrong command line', () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /^Cannot run secret: the command is missing; say new, keygen, seal or verify/],
      [['old'], /^Cannot run secret: "old" is none of its commands/],
      [['constructor'], /^Cannot run secret: "constructor" is none/],
      [
        ['new', 'x'],
        /^Cannot run secret new: Unexpected argument 'x'.*; see node-driver secret new --help\n$/,
      ],
      [['keygen'], /--out is missing; see node-driver secret keygen --help/],
      [
        ['keygen', '--out', '/x', '--bits', '1024'],
        /^Cannot make a key of "1024" bits: say a multiple of 8 from 2048 to 8192/,
      ],
      [['keygen', '--out', '/x', '--bits', '1e4'], /^Cannot make a key of "1e4" bits/],
      [['seal', '--key', 'k'], /--uuid is missing/],
      [['seal', '--uuid', uuid, '--key', 'k'], /--pod-uid is missing/],
      [['seal', '--uuid', uuid, '--pod-uid', podUid], /--key is missing/],
      [
        ['seal', '--uuid', uuid, '--pod-uid', '../x', '--key', 'k'],
        /--pod-uid "\.\.\/x" is not the UID of a pod/,
      ],
      [
        ['seal', '--uuid', uuid, '--pod-uid', podUid, '--key', 'k', '--ttl', '0s'],
        /--ttl is "0s"; it must be 1s or more/,
      ],
      [
        ['seal', '--uuid', uuid, '--key', 'k', '--form', 'rsa', '--ttl', '5m'],
        /--ttl and --pod-uid are for --form jwe/,
      ],
      [['seal', '--form', 'jws'], /--form "jws" is none of plain, rsa, jwe/],
      [['seal', '--secret', 'x'], /^Cannot run secret seal: Unknown option '--secret'/],
      [['verify'], /--secret-file is missing/],
    ];
    for (const [args, message] of cases)
      it(`ends ${JSON.stringify(args)} with 2`, async () => {
        const { status, out, err } = await run(args);
        expect(err).to.match(message);
        expect({ status, out }).to.deep.equal({ status: 2, out: '' });
      });
  });

  for (const command of ['', 'new', 'keygen', 'seal', 'verify'])
    it(`${command} --help has an example`, async () => {
      const { status, out } = await run([...(command === '' ? [] : [command]), '--help']);
      expect(status).to.equal(0);
      expect(out)
        .to.include(`Usage: node-driver secret ${command}`)
        .and.match(/\nExample:\n(?: {2}.*\n)* .*node-driver secret/);
      expect(Math.max(...out.split('\n').map((line) => line.length))).to.be.at.most(92);
    });

  describe('new', () => {
    it('prints another secret each time', async () => {
      const [one, other] = [await run(['new']), await run(['new'])];
      expect(one.out)
        .to.match(/^[A-Za-z0-9_-]{43}\n$/)
        .and.not.equal(other.out);
      expect(await runJson(['new'])).to.have.all.keys('secret');
      expect(await runJson(['new', '--out', at('told')])).to.deep.equal({ file: at('told') });
    });

    it('writes a file that only its owner can read, and keeps what is there', async () => {
      expect(await run(['new', '--out', at('new')])).to.deep.equal({ status: 0, out: '', err: '' });
      expect(modeOf(at('new'))).to.equal('600');
      const text = fs.readFileSync(at('new'), 'utf8');
      expect(text).to.match(/^[A-Za-z0-9_-]{43}$/);
      const { status, err } = await run(['new', '--out', at('new')]);
      expect(status).to.equal(1);
      expect(err).to.match(
        /^Cannot write ".*new": it exists; name another file, or say --force to replace it\n$/,
      );
      expect(fs.readFileSync(at('new'), 'utf8')).to.equal(text);
      expect(await runJson(['new', '--out', at('new'), '--force'])).to.deep.equal({ file: at('new') });
      expect(fs.readFileSync(at('new'), 'utf8')).to.not.equal(text);
      expect(modeOf(at('new'))).to.equal('600');
      expect(fs.readdirSync(directory).filter((name) => name.startsWith('new'))).to.deep.equal(['new']);
    });

    it('says when it cannot write', async () => {
      const { status, err } = await run(['new', '--out', at('none/secret')]);
      expect({ status, err }).to.deep.equal({
        status: 1,
        err: `Cannot write "${at('none/secret')}": ENOENT; name another file\n`,
      });
    });
  });

  describe('keygen', () => {
    it('writes the private key for its owner alone, and prints the public one with its ID', async () => {
      const { status, out } = await run(['keygen', '--out', at('k2.pem'), '--bits', '2048']);
      expect(status).to.equal(0);
      expect(modeOf(at('k2.pem'))).to.equal('600');
      expect(fs.readFileSync(at('k2.pem'), 'utf8')).to.match(/^-----BEGIN PRIVATE KEY-----\n/);
      expect(out)
        .to.include(`Key ID ${await keyIdOf(createPublicKey(out))}\n`)
        .and.not.include('PRIVATE');
    });

    it('--json prints what it made', async () => {
      const made = await runJson(['keygen', '--out', at('k3.pem'), '--bits', '2048']);
      expect(made).to.have.all.keys('kid', 'bits', 'privateKeyFile', 'publicKey');
      expect(made).to.include({ bits: 2048, privateKeyFile: at('k3.pem') });
      expect(made['kid']).to.equal(await keyIdOf(createPublicKey(String(made['publicKey']))));
    });

    it('replaces no key unless it is told to', async () => {
      const text = fs.readFileSync(key, 'utf8');
      const args = ['keygen', '--out', key, '--bits', '2048'];
      expect((await run(args)).err).to.match(/: it exists; name another file, or say --force/);
      expect(fs.readFileSync(key, 'utf8')).to.equal(text);
      fs.copyFileSync(key, at('k4.pem'));
      expect((await run(['keygen', '--out', at('k4.pem'), '--bits', '2048', '--force'])).status).to.equal(0);
      expect(fs.readFileSync(at('k4.pem'), 'utf8')).to.not.equal(text);
    });
  });

  describe('seal', () => {
    it('prints the token, and the snippet for the domain', async () => {
      const { status, out } = await run(jwe('--name', `a'<b>&"`), 'open-sesame\n');
      expect(status).to.equal(0);
      const [token = '', ...rest] = out.split('\n');
      expect(rest.join('\n')).to.equal(
        `\n<qemu:commandline>\n  <qemu:env name='KUBEVIRT_IO_VM_UUID' value='${uuid}'/>\n` +
          "  <qemu:env name='KUBEVIRT_IO_VM_NAME' value='a&#39;&#60;b&#62;&#38;&#34;'/>\n" +
          `  <qemu:env name='KUBEVIRT_IO_SECRET' value='${token}'/>\n</qemu:commandline>\n`,
      );
      expect((await run(verify('--uuid', uuid, '--pod-uid', podUid), token)).status).to.equal(0);
    });

    it('--json prints all of it', async () => {
      const sealed = await runJson(jwe('--ttl', '90s', '--secret-file', at('secret')));
      expect(sealed).to.have.all.keys(
        'form',
        'secret',
        'kid',
        'jti',
        'expiresAt',
        'environment',
        'commandline',
      );
      expect(sealed['kid']).to.equal(await keyIdOf(createPublicKey(fs.readFileSync(publicKey))));
      expect(Date.parse(String(sealed['expiresAt'])) - Date.now()).to.be.within(80_000, 90_000);
      expect(sealed['environment']).to.deep.equal({
        KUBEVIRT_IO_VM_UUID: uuid,
        KUBEVIRT_IO_SECRET: sealed['secret'],
      });
      expect(JSON.stringify(sealed)).to.not.include('sesame');
    });

    it('makes the form rsa, and the plain one', async () => {
      expect((await run(verify(), await tokenOf(seal('--form', 'rsa')))).out).to.match(
        /^Form +rsa\nVerdict +valid\n$/,
      );
      expect(await tokenOf(['seal', '--form', 'plain', '--uuid', uuid])).to.equal('open-sesame');
    });

    const bad: readonly (readonly [string, readonly string[] | (() => readonly string[]), string, RegExp])[] =
      [
        ['an empty secret', () => jwe(), '\n', /^Cannot use the secret of standard input: it is empty/],
        ['a secret that is too long', () => jwe(), 'x'.repeat(16_385), /: it is longer than 16384 bytes/],
        [
          'a secret that is too long for rsa',
          () => seal('--form', 'rsa'),
          'x'.repeat(191),
          /: it has 191 bytes, and this key takes 190 in the form rsa; use the form jwe/,
        ],
        [
          'a plain secret of two lines',
          ['seal', '--form', 'plain', '--uuid', uuid],
          'a\nb',
          /^Cannot put the secret into the domain as it is/,
        ],
        [
          'a plain secret that looks like a token',
          ['seal', '--form', 'plain', '--uuid', uuid],
          'rsa-oaep-sha256:',
          /looks like a token/,
        ],
        [
          'a secret file that is missing',
          () => jwe('--secret-file', at('none')),
          '',
          /^Cannot read the secret from ".*none": ENOENT; name a file/,
        ],
        [
          'a key that is missing',
          ['seal', '--key', '/none', '--uuid', uuid, '--pod-uid', podUid],
          'x',
          /^Cannot use the public key "\/none": reading it fails \(ENOENT\)/,
        ],
        [
          'a key that is none',
          () => ['seal', '--key', at('secret'), '--uuid', uuid, '--pod-uid', podUid],
          'x',
          /: it holds no key in PEM/,
        ],
        [
          'a uuid that is a path',
          ['seal', '--key', 'k', '--uuid', '../x', '--pod-uid', podUid],
          'x',
          /^Cannot accept the VM UUID "\.\.\/x"/,
        ],
      ];
    for (const [what, args, input, message] of bad)
      it(`refuses ${what}`, async () => {
        const { status, out, err } = await run(typeof args === 'function' ? args() : args, input);
        expect(err).to.match(message).and.not.include('sesame');
        expect({ status, out }).to.deep.equal({ status: 1, out: '' });
      });
  });

  describe('verify', () => {
    it('--json says what a token is for', async () => {
      const token = await tokenOf(jwe());
      expect(await runJson(verify(), `${token}\n`)).to.deep.include({
        valid: true,
        form: 'jwe',
        reason: null,
        vmUUID: uuid,
        podUID: podUid,
      });
    });

    it('says what is wrong', async () => {
      const token = await tokenOf(jwe());
      const { status, out } = await run(verify('--uuid', podUid), token);
      expect(status).to.equal(1);
      expect(out)
        .to.include(`VM UUID  ${uuid}\n`)
        .and.match(/\nVerdict {2}refused: its claim "sub" is not the uuid of this VM\n$/);
      expect(await runJson(verify('--pod-uid', uuid), token)).to.include({
        valid: false,
        reason: 'its claim "pod" is not the UID of this pod',
      });
      expect(await runJson(verify(), 'another')).to.include({ valid: false, form: 'plain', vmUUID: null });
      expect(await runJson(verify(), `${token.slice(0, -3)}AAA`)).to.include({ valid: false, podUID: null });
      const other = ['verify', '--secret-file', at('secret')];
      expect(await runJson(other, token))
        .to.have.property('reason')
        .that.includes('no private key');
    });

    it('says when a token has expired', async () => {
      const token = await tokenOf(jwe('--ttl', '1s'));
      await new Promise((resolve) => setTimeout(resolve, 1100));
      expect((await run(verify(), token)).out).to.match(
        /\nVerdict {2}refused: Cannot accept the token of the domain: it expired at 20/,
      );
    });

    it('wants the private key to be private', async () => {
      fs.copyFileSync(key, at('open.pem'));
      fs.chmodSync(at('open.pem'), 0o644);
      const args = ['verify', '--secret-file', at('secret'), '--key', at('open.pem')];
      const { status, err } = await run(args, 'x');
      expect(status).to.equal(1);
      expect(err).to.match(/\(mode 644\); chmod 600 /);
    });
  });
});
