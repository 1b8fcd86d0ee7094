import { expect } from 'chai';
import { createPublicKey } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import { keyIdOf } from '../../../daemon/secret/key-id.ts';
import { KeyRing } from '../../../daemon/secret/key-ring.ts';
import { readPrivateKeyFile } from '../../../daemon/secret/private-key-file.ts';
import { makeRsaPair } from '../../support/rsa-keys.ts';
import { runCommand } from '../../support/run-command.ts';
import { Scratch } from '../../support/scratch.ts';

describe('private keys', function () {
  this.timeout(30_000);
  const [first, second] = [makeRsaPair(), makeRsaPair()];
  let scratch: Scratch;
  let directory: string;
  let count = 0;
  before(() => {
    scratch = Scratch.open('test');
  });
  after(() => scratch.close());
  beforeEach(() => {
    directory = join(scratch.directory, `keys-${++count}`);
    mkdirSync(directory, { mode: 0o755 });
  });

  const put = (name: string, text = first.privatePem, mode = 0o600): string => {
    const file = join(directory, name);
    writeFileSync(file, text, { mode });
    chmodSync(file, mode);
    return file;
  };

  describe('readPrivateKeyFile', () => {
    it('reads what "openssl genpkey" makes, and gives it the ID that jose gives it', async () => {
      const file = join(directory, 'k.pem');
      await runCommand('openssl', [
        'genpkey',
        '-algorithm',
        'RSA',
        '-pkeyopt',
        'rsa_keygen_bits:2048',
        '-out',
        file,
      ]);
      chmodSync(file, 0o400);
      const key = readPrivateKeyFile(file);
      const { kty = '', n = '', e = '' } = await exportJWK(key);
      expect(await keyIdOf(key)).to.equal(await calculateJwkThumbprint({ kty, n, e }));
    });

    it('has the thumbprint of RFC 7638 for its example', async () => {
      const n =
        '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs' +
        'tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5ha' +
        'jrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
      const key = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
      expect(await keyIdOf(key)).to.equal('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
    });

    it('follows the symlinks of a Secret volume', () => {
      mkdirSync(join(directory, '..2030'));
      put('..2030/k.pem', first.privatePem, 0o400);
      symlinkSync('..2030', join(directory, '..data'));
      symlinkSync('..data/k.pem', join(directory, 'k.pem'));
      expect(readPrivateKeyFile(join(directory, 'k.pem')).type).to.equal('private');
    });

    for (const mode of [0o640, 0o604, 0o660, 0o610, 0o601, 0o620])
      it(`refuses a file of mode ${mode.toString(8)}`, () => {
        const file = put('k.pem', first.privatePem, mode);
        expect(() => readPrivateKeyFile(file)).to.throw(
          `Cannot use the private key "${file}": others than its owner have rights to it (mode ${mode.toString(8)}); chmod 600 ${file}`,
        );
      });

    const refused: readonly (readonly [string, () => string | Promise<string>, RegExp])[] = [
      [
        'a file of another user',
        () => {
          const file = put('k.pem');
          chownSync(file, 1234, 0);
          return file;
        },
        /: it belongs to uid 1234; chown root .* && chmod 600 /,
      ],
      [
        'a directory that others can write',
        () => {
          chmodSync(directory, 0o777);
          return put('k.pem');
        },
        /: others than its owner can write the directory ".*" above it; chown root .* && chmod go-w /,
      ],
      [
        'a directory of another user',
        () => {
          chownSync(directory, 1234, 0);
          return put('k.pem');
        },
        /: uid 1234 can write the directory/,
      ],
      [
        'a symlink out of a directory that others can write',
        () => {
          const file = put('k.pem');
          const open = join(directory, 'open');
          mkdirSync(open);
          chmodSync(open, 0o777);
          symlinkSync(file, join(open, 'link.pem'));
          return join(open, 'link.pem');
        },
        /can write the directory ".*open" above it/,
      ],
      [
        'a symlink into a directory that others can write',
        () => {
          const open = join(directory, 'open');
          mkdirSync(open);
          chmodSync(open, 0o777);
          symlinkSync(put('open/k.pem'), join(directory, 'link.pem'));
          return join(directory, 'link.pem');
        },
        /can write the directory ".*open" above it/,
      ],
      [
        'a FIFO',
        async () => {
          const file = join(directory, 'k.pem');
          await runCommand('mkfifo', ['--mode=0600', file]);
          return file;
        },
        /: it is not a regular file; name a file/,
      ],
      [
        'a file that is missing',
        () => join(directory, 'none.pem'),
        /: it does not exist; make one with "node-driver secret keygen"/,
      ],
      [
        'a file that is too large',
        () => put('k.pem', first.privatePem + '\n'.repeat(70_000)),
        /: it is larger than 65536 bytes/,
      ],
      [
        'a key in PKCS#1',
        () => put('k.pem', first.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()),
        /: it is a RSA PRIVATE KEY of another format .*; convert it: openssl pkcs8 -topk8 -nocrypt -in /,
      ],
      [
        'a key with a passphrase',
        () =>
          put(
            'k.pem',
            first.privateKey
              .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
              .toString(),
          ),
        /: it is a ENCRYPTED PRIVATE KEY of another format/,
      ],
      ['a public key', () => put('k.pem', first.publicPem), /: it does not hold one private key in PEM/],
      [
        'two keys',
        () => put('k.pem', first.privatePem + second.privatePem),
        /: it does not hold one private key in PEM/,
      ],
      [
        'what only looks like a key',
        () => put('k.pem', '-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n'),
        /: it does not hold one private key in PEM/,
      ],
      [
        'a key of 1024 bits',
        () => put('k.pem', makeRsaPair(1024).privatePem),
        /: it is an RSA key of 1024 bits; use an RSA key of 2048 to 8192 bits/,
      ],
      [
        'an elliptic key',
        async () => {
          const file = join(directory, 'k.pem');
          await runCommand('openssl', ['genpkey', '-algorithm', 'ED25519', '-out', file]);
          chmodSync(file, 0o600);
          return file;
        },
        /: it is no RSA key; /,
      ],
    ];
    for (const [what, make, message] of refused)
      it(`refuses ${what}`, async () => {
        const file = await make();
        expect(() => readPrivateKeyFile(file))
          .to.throw(message)
          .with.property('message')
          .not.match(/MII/);
      });

    it('takes a file in a sticky directory that others can write, as the volumes of Kubernetes are', () => {
      chmodSync(directory, 0o1777);
      expect(readPrivateKeyFile(put('k.pem')).type).to.equal('private');
    });
  });

  describe('KeyRing', () => {
    const ids = async (ring: KeyRing): Promise<readonly string[]> =>
      (await ring.current()).map(({ kid }) => kid).sort();
    const idsOf = async (
      ...pairs: readonly { readonly publicKey: typeof first.publicKey }[]
    ): Promise<readonly string[]> =>
      (await Promise.all(pairs.map(({ publicKey }) => keyIdOf(publicKey)))).sort();

    it('has a key as long as its file is there', async () => {
      const file = put('a.pem');
      put('README');
      const ring = await KeyRing.open([directory], () => undefined);
      expect(await ids(ring)).to.deep.equal(await idsOf(first));
      put('b.pem', second.privatePem);
      expect(await ids(ring)).to.deep.equal(await idsOf(first, second));
      rmSync(file);
      expect(await ids(ring)).to.deep.equal(await idsOf(second));
      rmSync(join(directory, 'b.pem'));
      expect(await ids(ring)).to.deep.equal([]);
    });

    it('sees a file that is replaced by one of the same size', async () => {
      const file = put('a.pem');
      const ring = await KeyRing.open([file], () => undefined);
      writeFileSync(`${file}.new`, second.privatePem, { mode: 0o600 });
      renameSync(`${file}.new`, file);
      expect(await ids(ring)).to.deep.equal(await idsOf(second));
    });

    it('takes one key in two files for one', async () => {
      copyFileSync(put('a.pem'), join(directory, 'b.pem'));
      chmodSync(join(directory, 'b.pem'), 0o600);
      const ring = await KeyRing.open([directory, join(directory, 'a.pem')], () => undefined);
      expect(await ids(ring)).to.deep.equal(await idsOf(first));
    });

    it('leaves out a file that becomes bad, says so once, and keeps the others', async () => {
      const file = put('a.pem');
      put('b.pem', second.privatePem);
      const problems: string[] = [];
      const ring = await KeyRing.open([directory], (problem) => problems.push(problem));
      chmodSync(file, 0o644);
      const all = await Promise.all([ids(ring), ids(ring), ids(ring)]);
      for (const each of all) expect(each).to.deep.equal(await idsOf(second));
      expect(problems).to.have.lengthOf(1);
      expect(problems[0]).to.include(`chmod 600 ${file}`);
      chmodSync(file, 0o600);
      expect(await ids(ring)).to.deep.equal(await idsOf(first, second));
    });

    it('does not open with a bad file, or with none', async () => {
      const failure = async (...paths: readonly string[]): Promise<string> => {
        const ring = await KeyRing.open(paths, () => undefined).catch((error: unknown) => String(error));
        return typeof ring === 'string' ? ring : 'It was opened';
      };
      expect(await failure(directory)).to.include('there is no file *.pem');
      put('a.pem');
      expect(await failure(directory, join(directory, 'b.pem'))).to.include('b.pem": it does not exist');
      chmodSync(join(directory, 'a.pem'), 0o604);
      expect(await failure(directory)).to.include('chmod 600');
    });
  });
});
