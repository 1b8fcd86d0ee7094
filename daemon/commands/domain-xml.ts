import os from 'node:os';
import path from 'node:path';

import { buildDomain, type NewDomain } from '../domain/build-domain.ts';
import { environmentOf, type DomainEnvironment } from '../domain/commandline-snippet.ts';
import { patchDomain } from '../domain/patch-domain.ts';
import { quoteText } from '../quote-text.ts';
import { parseVmName, parseVmUuid } from '../target/vm-identity.ts';
import type { CommandIo } from './command-io.ts';
import { absolutePath } from './install-place.ts';
import { readDomainText } from './read-domain-text.ts';
import { readSecret } from './read-secret.ts';
import { secretText } from './secret-text.ts';
import { UsageError, parseUsage } from './usage-error.ts';

const defaultEmulator = `/usr/local/lib/kubevirt-node-driver/emulators/default/qemu-system-${os.machine()}`;

const usage = `Usage: node-driver domain-xml --uuid UUID --name NAME [OPTIONS]
       node-driver domain-xml --patch FILE [--uuid UUID] [--name NAME] [OPTIONS]

Prints the XML of a domain that the driver starts, or adds what that takes to the
XML of another one and leaves the rest of it as it is. No daemon is asked.

Options:
  --uuid UUID         UID of the VirtualMachineInstance, which becomes the
                      domain's uuid
  --name NAME         the VM's name: NAME, NAMESPACE_NAME or NAMESPACE/NAME
  --secret-file FILE  what the domain is to carry in KUBEVIRT_IO_SECRET: the
                      secret, or what "secret seal" made of it; - reads it from
                      standard input. Without it there is none, and no launch
  --emulator PATH     the stub, by default
                      ${defaultEmulator}
  --patch FILE        the XML to add to; - reads it from standard input
  --memory SIZE       such as 512MiB or 4GiB; by default 1GiB
  --vcpus N           by default 1
  --type TYPE         kvm (default), or qemu where there is no /dev/kvm
  --json              print one line: {"xml":…,"emulator":…,"environment":…}
  --help              print this text

Exit status: 0 done, 1 failed, 2 wrong usage

Example:
  node-driver domain-xml --uuid 7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10 --name testvm \\
    --secret-file secret > testvm.xml
  virsh dumpxml --inactive othervm | node-driver domain-xml --patch - --secret-file secret
`;

/** `node-driver domain-xml`. Returns the exit status. */
export async function domainXmlCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseUsage('domain-xml', {
    args: [...args],
    options: {
      uuid: { type: 'string' },
      name: { type: 'string' },
      'secret-file': { type: 'string' },
      emulator: { type: 'string', default: defaultEmulator },
      patch: { type: 'string' },
      memory: { type: 'string' },
      vcpus: { type: 'string' },
      type: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const { patch, memory, vcpus, type } = values;
  const secretFile = values['secret-file'];
  const emulator = absolutePath('domain-xml', 'emulator', values.emulator);
  const uuid = values.uuid === undefined ? undefined : domainUuid(values.uuid);
  const name = values.name === undefined ? undefined : parseVmName(values.name);
  if (patch !== undefined && [memory, vcpus, type].some((each) => each !== undefined))
    throw wrong('--memory, --vcpus and --type are for a new domain, not for --patch');
  if (patch === '-' && secretFile === '-') throw wrong('only one of --patch and --secret-file can be "-"');

  let xml: string;
  let environment: DomainEnvironment;
  if (patch === undefined) {
    if (uuid === undefined) throw wrong('--uuid is missing');
    if (name === undefined) throw wrong('--name is missing');
    const size = {
      type: typeOf(type ?? 'kvm'),
      memoryMib: mibOf(memory ?? '1GiB'),
      vcpus: countOf(vcpus ?? '1'),
    };
    const secret = await readText(secretFile, io);
    const domain: NewDomain = {
      uuid,
      name,
      secret,
      emulator,
      architecture: architectureOf(emulator),
      ...size,
    };
    [xml, environment] = [buildDomain(domain), domain];
  } else {
    const text = await readDomainText(patch, io);
    const secret = await readText(secretFile, io);
    try {
      ({ xml, environment } = patchDomain(text, { uuid, name, secret, emulator }));
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot use the domain of ${quoteText(patch)}: ${cause}`, { cause: error });
    }
    parseVmUuid(environment.uuid);
  }
  if (secretFile === undefined)
    io.stderr(
      'Warning: the domain has no secret, and can not be started yet; name what it is to carry with --secret-file\n',
    );
  io.stdout(
    values.json ? `${JSON.stringify({ xml, emulator, environment: environmentOf(environment) })}\n` : xml,
  );
  return 0;
}

async function readText(file: string | undefined, io: CommandIo): Promise<string | undefined> {
  if (file === undefined) return undefined;
  return secretText(await readSecret(file === '-' ? undefined : file, 'secret', io));
}

/** libvirt takes no other form as that of a domain. */
function domainUuid(text: string): string {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/iu.test(text)) return text;
  throw wrong(`--uuid is ${quoteText(text)}; libvirt wants 8-4-4-4-12 hexadecimal digits`);
}

function architectureOf(emulator: string): string {
  return /^qemu-system-([a-z0-9_]+)$/u.exec(path.basename(emulator))?.[1] ?? os.machine();
}

function typeOf(text: string): string {
  if (text === 'kvm' || text === 'qemu') return text;
  throw wrong(`--type is kvm or qemu, not ${quoteText(text)}`);
}

function mibOf(text: string): number {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,8})(MiB|GiB|TiB)$/u.exec(text) ?? [];
  const factor = { MiB: 1, GiB: 1024, TiB: 1024 * 1024 }[unit];
  if (factor !== undefined) return Number(digits) * factor;
  throw wrong(`--memory is ${quoteText(text)}; say a size such as 512MiB or 4GiB`);
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,3}$/u.test(text)) return Number(text);
  throw wrong(`--vcpus is ${quoteText(text)}; say a number such as 4`);
}

function wrong(cause: string): UsageError {
  return new UsageError(`Cannot run domain-xml: ${cause}; see node-driver domain-xml --help`);
}
