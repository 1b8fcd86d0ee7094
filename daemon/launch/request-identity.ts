import { Refusal } from '../errors.ts';
import { Secret } from '../secret/secret.ts';
import type { VmIdentity } from '../target/target.ts';
import { parseVmName, parseVmUuid } from '../target/vm-identity.ts';
import { decodeUtf8 } from './decode-utf8.ts';
import { guestName } from './guest-name.ts';
import type { LaunchRequest } from './launch-request.ts';

/** Where the VM's identity may come from: the environment alone, or also `-uuid` and `-name` of the arguments. */
export type IdentitySource = 'env' | 'env,argv';

export interface RequestIdentity {
  readonly vm: VmIdentity;
  /** The secret as the domain carries it; `null` when there is none, or an empty one. */
  readonly secret: Secret | null;
}

/** libvirt refuses dots in the name of a variable; whoever runs the stub directly may use them. */
const variables = {
  uuid: ['KUBEVIRT_IO_VM_UUID', 'kubevirt.io.vm.uuid'],
  name: ['KUBEVIRT_IO_VM_NAME', 'kubevirt.io.vm.name'],
  secret: ['KUBEVIRT_IO_SECRET', 'kubevirt.io.secret'],
} as const;

const equalsSign = 0x3d;

/**
 * The VM that a request is about, and the secret that it shows.
 * @throws Refusal `no-identity` when it names no VM, `invalid-identity` when what it names is malformed or
 * contradicts itself
 */
export function requestIdentity(
  request: Pick<LaunchRequest, 'argv' | 'env'>,
  source: IdentitySource,
): RequestIdentity {
  const uuid = readVariable(request.env, variables.uuid);
  const name = readVariable(request.env, variables.name);
  const secret = readVariable(request.env, variables.secret);
  const vm =
    uuid === null && name === null && source === 'env,argv'
      ? identityOfArguments(request.argv)
      : identityOf(uuid, name, source);
  return { vm, secret: secretOf(secret) };
}

/** One that is nothing but the newline that does not count is as empty as one without. */
function secretOf(text: string | null): Secret | null {
  const secret = Secret.fromText(text ?? '');
  return secret.isEmpty ? null : secret;
}

/** The environment for QEMU: that of the stub without the secret, everything else byte for byte. */
export function emulatorEnvironment(env: readonly Buffer[]): readonly Buffer[] {
  return env.filter((entry) => !isVariable(entry, variables.secret));
}

function identityOf(uuid: string | null, name: string | null, source: IdentitySource): VmIdentity {
  if (uuid === null && name !== null)
    throw new Refusal(
      'no-identity',
      `Cannot identify the VM: ${variables.name[0]} is set, but a name alone does not identify a VM`,
      source === 'env'
        ? `set ${variables.uuid[0]} too`
        : `set ${variables.uuid[0]} too, or remove ${variables.name[0]} so that -uuid and -name serve`,
    );
  if (uuid === null)
    throw new Refusal(
      'no-identity',
      `Cannot identify the VM: ${variables.uuid[0]} is not set`,
      `add <qemu:env name='${variables.uuid[0]}' value='…'/> to the domain, or set "identity = env,argv"`,
    );
  return identity(uuid, name);
}

function identityOfArguments(argv: readonly Buffer[]): VmIdentity {
  const uuid = sameValue(argumentsOf(argv, 'uuid'), '-uuid');
  const names = argumentsOf(argv, 'name').flatMap((argument) => guestName(argument) ?? []);
  const name = sameValue(names, '-name');
  if (uuid === null)
    throw new Refusal(
      'no-identity',
      `Cannot identify the VM: ${variables.uuid[0]} is not set and the command line has no -uuid`,
      `add <qemu:env name='${variables.uuid[0]}' value='…'/> to the domain`,
    );
  return identity(uuid, name);
}

function identity(uuid: string, name: string | null): VmIdentity {
  const checked = parseVmUuid(uuid);
  return name === null ? { uuid: checked } : { uuid: checked, name: parseVmName(name) };
}

function readVariable(env: readonly Buffer[], names: readonly [string, string]): string | null {
  const values = env
    .filter((entry) => isVariable(entry, names))
    .map((entry) => decode(entry.subarray(entry.indexOf(equalsSign) + 1), names[0]));
  return sameValue(values, names[0]);
}

/** An entry without `=` is no variable: it is carried along, and means nothing. */
function isVariable(entry: Buffer, names: readonly string[]): boolean {
  const end = entry.indexOf(equalsSign);
  return end !== -1 && names.includes(entry.toString('latin1', 0, end));
}

function argumentsOf(argv: readonly Buffer[], option: string): readonly string[] {
  const values: string[] = [];
  for (const [index, argument] of argv.entries()) {
    const value = argv[index + 1];
    if (value === undefined || argument.length > option.length + 2) continue;
    const text = argument.toString('latin1');
    if (text === `-${option}` || text === `--${option}`) values.push(decode(value, `-${option}`));
  }
  return values;
}

function decode(bytes: Buffer, what: string): string {
  const text = decodeUtf8(bytes);
  if (text === null)
    throw new Refusal('invalid-identity', `Cannot use ${what}: its value is not UTF-8`, 'write it in UTF-8');
  return text;
}

function sameValue(values: readonly string[], what: string): string | null {
  const [first, ...others] = values;
  if (others.some((value) => value !== first))
    throw new Refusal(
      'invalid-identity',
      `Cannot use ${what}: it is given more than once with different values`,
      'give it once',
    );
  return first ?? null;
}
