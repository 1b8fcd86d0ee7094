import { randomUUID, type KeyObject } from 'node:crypto';
import { isUtf8 } from 'node:buffer';

import * as v from 'valibot';
import { duration } from '../config/value-schemas.ts';
import { commandlineSnippet, environmentOf } from '../domain/commandline-snippet.ts';
import { quoteText } from '../quote-text.ts';
import { keyIdOf } from '../secret/key-id.ts';
import { sealAsJwe } from '../secret/seal-as-jwe.ts';
import { sealAsRsa } from '../secret/seal-as-rsa.ts';
import { secretFormOf, heldForms, type SecretForm } from '../secret/secret-form.ts';
import type { Secret } from '../secret/secret.ts';
import { parseVmName, parseVmUuid } from '../target/vm-identity.ts';
import type { CommandIo } from './command-io.ts';
import { readPublicKey } from './read-public-key.ts';
import { readSecret } from './read-secret.ts';
import { UsageError, parseUsage } from './usage-error.ts';

const usage = `Usage: node-driver secret seal --key FILE --uuid UUID --pod-uid UID [OPTIONS]

Seals a secret for one VM in one pod. Prints what the domain carries in
KUBEVIRT_IO_SECRET, and the <qemu:commandline> to put into the domain's XML.
The secret is read from a file or standard input: the one that the pod holds.

Options:
  --key FILE          public key of the nodes, in PEM
  --uuid UUID         UID of the VirtualMachineInstance
  --name NAME         the VM's name, for the domain's KUBEVIRT_IO_VM_NAME
  --pod-uid UID       UID of the pod; without Kubernetes, the container's ID
  --ttl DURATION      until when it can start the VM, 10m by default
  --secret-file FILE  where the secret is, instead of standard input
  --form FORM         jwe (default), rsa (bound to nothing, no end of its own;
                      no --pod-uid), or plain (not sealed; no --key either)
  --json              print one line: {"form":…,"secret":…,"kid":…,"jti":…,
                      "expiresAt":…,"environment":…,"commandline":…}
  --help              print this text

Exit status: 0 done, 1 failed, 2 wrong usage

Example:
  node-driver secret seal --key node.pub.pem --uuid 7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10 \\
    --name testvm --pod-uid 3c9a6f0e-5f0b-4c55-9a53-6a7d2b3c1e00 --ttl 5m < secret
`;

interface Sealing {
  readonly form: SecretForm;
  readonly uuid: string;
  readonly podUid: string;
  readonly key: KeyObject | null;
  readonly ttl: number;
}

interface Sealed {
  readonly text: string;
  readonly jti: string | null;
  readonly expiresAt: string | null;
}

/** `node-driver secret seal`. Returns the exit status. */
export async function secretSealCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseUsage('secret seal', {
    args: [...args],
    options: {
      key: { type: 'string' },
      uuid: { type: 'string' },
      name: { type: 'string' },
      'pod-uid': { type: 'string' },
      ttl: { type: 'string' },
      'secret-file': { type: 'string' },
      form: { type: 'string', default: 'jwe' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const form = heldForms.find((each) => each === values.form);
  if (form === undefined) throw wrong(`--form ${quoteText(values.form)} is none of ${heldForms.join(', ')}`);
  if (form !== 'jwe' && (values.ttl !== undefined || values['pod-uid'] !== undefined))
    throw wrong(`--ttl and --pod-uid are for --form jwe: the form ${form} says neither`);
  const uuid = parseVmUuid(required(values.uuid, '--uuid'));
  const name = values.name === undefined ? undefined : parseVmName(values.name);
  const podUid = form === 'jwe' ? podUidOf(required(values['pod-uid'], '--pod-uid')) : '';
  const ttl = ttlOf(values.ttl ?? '10m');
  const key = form === 'plain' ? null : readPublicKey(required(values.key, '--key'));
  const secret = await readSecret(values['secret-file'], 'secret', io);
  const { text, jti, expiresAt } = await seal(secret, { form, uuid, podUid, key, ttl });

  const domain = { uuid, name, secret: text };
  const commandline = commandlineSnippet(domain);
  const kid = key === null ? null : await keyIdOf(key);
  const environment = environmentOf(domain);
  io.stdout(
    values.json
      ? `${JSON.stringify({ form, secret: text, kid, jti, expiresAt, environment, commandline })}\n`
      : `${text}\n\n${commandline}`,
  );
  return 0;
}

async function seal(secret: Secret, { form, uuid, podUid, key, ttl }: Sealing): Promise<Sealed> {
  if (key === null) return { text: plainText(secret), jti: null, expiresAt: null };
  if (form === 'rsa') return { text: sealAsRsa(secret, key), jti: null, expiresAt: null };
  const issuedAt = Date.now();
  // Whole seconds, as in the token.
  const expiresAt = Math.floor((issuedAt + ttl) / 1000) * 1000;
  const jti = randomUUID();
  const text = await sealAsJwe({ secret, vmUuid: uuid, podUid, jti, issuedAt, expiresAt }, key);
  return { text, jti, expiresAt: new Date(expiresAt).toISOString() };
}

function plainText(secret: Secret): string {
  const bytes = secret.reveal();
  const text = bytes.toString('utf8');
  if (!isUtf8(bytes) || /\p{Cc}/u.test(text) || secretFormOf(text) !== 'plain')
    throw new Error(
      'Cannot put the secret into the domain as it is: it is not UTF-8, has control characters, or looks like a token; ' +
        'make another with "node-driver secret new", or use --form rsa',
    );
  return text;
}

function podUidOf(text: string): string {
  if (/^[0-9A-Za-z-]{1,64}$/.test(text)) return text;
  throw wrong(`--pod-uid ${quoteText(text)} is not the UID of a pod, 1 to 64 of 0-9, A-Z, a-z and "-"`);
}

function ttlOf(text: string): number {
  const result = v.safeParse(duration, text);
  if (result.success && result.output >= 1000) return result.output;
  throw wrong(`--ttl is ${quoteText(text)}; it must be 1s or more, such as 90s or 10m`);
}

function required(value: string | undefined, option: string): string {
  if (value === undefined) throw wrong(`${option} is missing`);
  return value;
}

function wrong(cause: string): UsageError {
  return new UsageError(`Cannot run secret seal: ${cause}; see node-driver secret seal --help`);
}
