import { Refusal } from '../errors.ts';
import { judgeSecret } from '../secret/judge-secret.ts';
import type { OpenedSecret } from '../secret/opened-secret.ts';
import { readPrivateKeyFile } from '../secret/private-key-file.ts';
import { preparePrivateKey } from '../secret/private-key.ts';
import { heldForms } from '../secret/secret-form.ts';
import { SecretOpener } from '../secret/secret-opener.ts';
import type { Secret } from '../secret/secret.ts';
import type { CommandIo } from './command-io.ts';
import { printable } from './printable.ts';
import { readSecret } from './read-secret.ts';
import { formatTable } from './table.ts';
import { UsageError, parseUsage } from './usage-error.ts';

const usage = `Usage: node-driver secret verify --secret-file FILE [OPTIONS] < KUBEVIRT_IO_SECRET

Checks what a domain carries, read from standard input, against the secret that
the pod holds, and says what is wrong with it: more than a launch may tell. For
who has the private key. Whether a token was used before is not checked, nor
"expires-at", nor the age of the pod.

Options:
  --secret-file FILE  a copy of the secret that the pod holds
  --key FILE          private key of the node, for the forms jwe and rsa; may be
                      given more than once
  --uuid UUID         also wants it to be for this VM
  --pod-uid UID       also wants it to be for this pod
  --json              print one line: {"valid":…,"form":…,"reason":…,"vmUUID":…,
                      "podUID":…,"expiresAt":…}, null for what is not known
  --help              print this text

Exit status: 0 valid, 1 not valid or failed, 2 wrong usage

Example:
  virsh dumpxml testvm |
    xmllint --xpath 'string(//*[@name="KUBEVIRT_IO_SECRET"]/@value)' - |
    node-driver secret verify --secret-file secret --key /etc/kubevirt/keys/2030-01.pem
`;

interface Verdict {
  readonly opened: OpenedSecret;
  /** `null` when it is valid. */
  readonly reason: string | null;
}

interface Expected {
  readonly held: Secret;
  readonly secretFile: string;
  readonly uuid: string | undefined;
  readonly podUid: string | undefined;
}

/** `node-driver secret verify`. Returns the exit status. */
export async function secretVerifyCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseUsage('secret verify', {
    args: [...args],
    options: {
      'secret-file': { type: 'string' },
      key: { type: 'string', multiple: true, default: [] },
      uuid: { type: 'string' },
      'pod-uid': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const secretFile = values['secret-file'];
  if (secretFile === undefined)
    throw new UsageError(
      'Cannot run secret verify: --secret-file is missing; see node-driver secret verify --help',
    );
  const keys = await Promise.all(values.key.map((file) => preparePrivateKey(readPrivateKeyFile(file))));
  const held = await readSecret(secretFile, 'secret', io);
  const shown = await readSecret(undefined, 'token', io);
  const opened = await new SecretOpener(heldForms, { current: () => Promise.resolve(keys) }).open(shown);
  const reason = findReason(opened, { held, secretFile, uuid: values.uuid, podUid: values['pod-uid'] });
  io.stdout(values.json ? `${JSON.stringify(toJson({ opened, reason }))}\n` : format({ opened, reason }));
  return reason === null ? 0 : 1;
}

function findReason(opened: OpenedSecret, { held, secretFile, uuid, podUid }: Expected): string | null {
  const { claims } = opened;
  try {
    judgeSecret({
      opened,
      held,
      secretFile,
      expiresAtFile: '',
      expiresAt: null,
      now: Date.now(),
      containerAge: 0,
      lifetime: Infinity,
      vmUuid: uuid ?? claims?.vmUuid ?? '',
      podUid: podUid ?? claims?.podUid ?? null,
      longestLifetime: Infinity,
      isUsedElsewhere: () => false,
    });
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.detail ?? error.message;
    throw error;
  }
}

function toJson({ opened: { form, claims }, reason }: Verdict): unknown {
  return {
    valid: reason === null,
    form,
    reason,
    vmUUID: claims?.vmUuid ?? null,
    podUID: claims?.podUid ?? null,
    expiresAt: claims === null ? null : new Date(claims.expiresAt).toISOString(),
  };
}

function format({ opened: { form, claims }, reason }: Verdict): string {
  const rows = [['Form', form]];
  if (claims !== null)
    rows.push(
      ['VM UUID', printable(claims.vmUuid)],
      ['Pod UID', printable(claims.podUid)],
      ['Expires', new Date(claims.expiresAt).toISOString()],
    );
  return formatTable([...rows, ['Verdict', reason === null ? 'valid' : `refused: ${reason}`]]);
}
