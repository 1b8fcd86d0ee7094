import { createPublicKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

import { quoteText } from '../quote-text.ts';
import { keyIdOf } from '../secret/key-id.ts';
import { largestModulus, smallestModulus } from '../secret/private-key-file.ts';
import type { CommandIo } from './command-io.ts';
import { UsageError, parseUsage } from './usage-error.ts';
import { writePrivateFile } from './write-private-file.ts';

const usage = `Usage: node-driver secret keygen --out FILE [OPTIONS]

Makes an RSA key pair. The private key is written to a file, readable for its
owner alone, and belongs on the nodes ("secret-keys" in qemu-kube.conf). The
public key is printed, behind a line with its ID; "secret seal" wants it.

Options:
  --out FILE     where the private key goes
  --public FILE  write the public key there, too
  --bits N       ${smallestModulus} to ${largestModulus}, a multiple of 8; 3072 by default
  --force        replace files that exist
  --json         print {"kid":…,"bits":…,"privateKeyFile":…,"publicKey":…}
  --help         print this text

Exit status: 0 done, 1 failed, 2 wrong usage

Example:
  node-driver secret keygen --out /etc/kubevirt/keys/2030-01.pem --public node.pub.pem
`;

/** `node-driver secret keygen`. Returns the exit status. */
export async function secretKeygenCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseUsage('secret keygen', {
    args: [...args],
    options: {
      out: { type: 'string' },
      public: { type: 'string' },
      bits: { type: 'string', default: '3072' },
      force: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const { out, force } = values;
  if (out === undefined)
    throw new UsageError('Cannot run secret keygen: --out is missing; see node-driver secret keygen --help');
  const bits = bitsOf(values.bits);
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: bits,
    publicExponent: 0x10001,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  writePrivateFile(out, privateKey, { force });
  if (values.public !== undefined) writePrivateFile(values.public, publicKey, { force, mode: 0o644 });
  const kid = await keyIdOf(createPublicKey(publicKey));
  io.stdout(
    values.json
      ? `${JSON.stringify({ kid, bits, privateKeyFile: out, publicKey })}\n`
      : `Key ID ${kid}\n${publicKey}`,
  );
  return 0;
}

function bitsOf(text: string): number {
  const bits = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (bits >= smallestModulus && bits <= largestModulus && bits % 8 === 0) return bits;
  throw new UsageError(
    `Cannot make a key of ${quoteText(text)} bits: say a multiple of 8 from ${smallestModulus} to ${largestModulus}`,
  );
}
