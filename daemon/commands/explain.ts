import { wordFromProto } from '../api/from-proto.ts';
import type { ExplainLaunchOutput, ExplainLaunchRequest } from '../api/proto-types.ts';
import { readDomain, type DomainFacts } from '../domain/read-domain.ts';
import { quoteText } from '../quote-text.ts';
import type { CommandIo } from './command-io.ts';
import { printable } from './printable.ts';
import { readDomainText } from './read-domain-text.ts';
import { readSecret } from './read-secret.ts';
import { secretText } from './secret-text.ts';
import { formatTable } from './table.ts';
import { UsageError, parseUsage } from './usage-error.ts';
import { defaultApiSocket, withApiClient } from './with-api-client.ts';

const usage = `Usage: node-driver explain (UUID | --domain FILE) [OPTIONS]

Has the daemon walk through the decision of a launch without starting anything:
each step with its verdict, and the processes that were turned down, with why.

Options:
  --domain FILE       the XML of the domain; - reads it from standard input
  --name NAME         the VM's name, with a UUID
  --emulator PATH     the domain's <emulator>, with a UUID
  --secret-file FILE  what the domain is to carry, where its XML does not have
                      it; - reads it from standard input. Without a secret, it
                      is only told whether the pod holds one
  --socket PATH       the daemon's API, by default
                      ${defaultApiSocket}
  --json              print one line of JSON
  --help              print this text

Exit status: 0 it would start, 1 it would not, or no answer, 2 wrong usage

Example:
  virsh dumpxml --inactive --security-info testvm | node-driver explain --domain -
  node-driver explain 7a1c7a24-52d2-4bd3-a8c0-0d4f3a4e9f10
`;

interface Line {
  readonly step: string;
  readonly verdict: string;
  readonly message: string;
  readonly remedy: string | null;
  readonly code: string | null;
}

/** `node-driver explain`. Returns the exit status. */
export async function explainCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseUsage('explain', {
    args: [...args],
    allowPositionals: true,
    options: {
      domain: { type: 'string' },
      name: { type: 'string' },
      emulator: { type: 'string' },
      'secret-file': { type: 'string' },
      socket: { type: 'string', default: defaultApiSocket },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const { domain, name, emulator } = values;
  const secretFile = values['secret-file'];
  const [uuid, ...others] = positionals;
  if ((uuid === undefined) === (domain === undefined) || others.length > 0)
    throw wrong('say either a UUID or --domain FILE');
  if (domain !== undefined && (name !== undefined || emulator !== undefined))
    throw wrong('--name and --emulator are for a UUID: the domain names both');
  if (domain === '-' && secretFile === '-') throw wrong('only one of --domain and --secret-file can be "-"');
  const facts = domain === undefined ? null : await readFacts(domain, io);
  const given =
    secretFile === undefined
      ? undefined
      : secretText(await readSecret(secretFile === '-' ? undefined : secretFile, 'secret', io));
  const request: ExplainLaunchRequest =
    facts === null
      ? { vm: { uuid: uuid ?? '', name: name ?? '' }, secret: given ?? '', emulator: emulator ?? '' }
      : requestOf(facts, given);
  const answer = await withApiClient(values.socket, (client) => client.explainLaunch(request));
  const lines = [...domainLines(facts, given), ...answer.steps.map(toLine)];
  io.stdout(values.json ? `${JSON.stringify(toJson(lines, answer))}\n` : format(lines, answer));
  return wouldStart(lines) ? 0 : 1;
}

async function readFacts(file: string, io: CommandIo): Promise<DomainFacts> {
  const text = await readDomainText(file, io);
  try {
    return readDomain(text);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot use the domain of ${quoteText(file)}: ${cause}`, { cause: error });
  }
}

function requestOf(
  { uuid, name, emulator, environment }: DomainFacts,
  secret?: string,
): ExplainLaunchRequest {
  return {
    vm: {
      uuid: environment.get('KUBEVIRT_IO_VM_UUID') ?? '',
      name: environment.get('KUBEVIRT_IO_VM_NAME') ?? '',
    },
    secret: secret ?? environment.get('KUBEVIRT_IO_SECRET') ?? '',
    emulator,
    domain: { uuid, name },
  };
}

/** What the domain's own text is found wanting in. A secret that is given otherwise is none of it. */
function domainLines(facts: DomainFacts | null, given: string | undefined): readonly Line[] {
  if (facts === null) return [];
  const problems = facts.problems.filter(
    ({ message }) => given === undefined || message !== 'it carries no secret',
  );
  if (problems.length === 0)
    return [
      { step: 'domain', verdict: 'ok', message: 'its XML is as it should be', remedy: null, code: null },
    ];
  return problems.map((problem) => ({ step: 'domain', verdict: 'warning', ...problem, code: null }));
}

function toLine({ step, verdict, message, remedy, code }: ExplainLaunchOutput['steps'][number]): Line {
  return { step, verdict: wordFromProto(verdict), message, remedy: remedy || null, code: code || null };
}

function wouldStart(lines: readonly Line[]): boolean {
  return lines.every(({ verdict }) => verdict === 'ok' || verdict === 'skipped' || verdict === 'warning');
}

function toJson(lines: readonly Line[], { candidates }: ExplainLaunchOutput): unknown {
  return {
    schema: 1,
    wouldStart: wouldStart(lines),
    steps: lines,
    candidates: candidates.map(({ pid, podUid, containerId, reason }) => ({
      pid,
      podUID: podUid || null,
      containerID: containerId || null,
      reason: reason || null,
    })),
  };
}

function format(lines: readonly Line[], { candidates }: ExplainLaunchOutput): string {
  const steps = lines.map(({ step, verdict, message, remedy }) => [
    verdict,
    step,
    printable(remedy === null ? message : `${message}; ${remedy}`),
  ]);
  const others = candidates.map(({ pid, podUid, reason }) => [
    `process ${pid}`,
    printable(reason === '' ? `is the VM's launcher, in pod ${podUid || 'without a UID'}` : reason),
  ]);
  const verdict = wouldStart(lines) ? 'The VM would start' : 'The VM would not start';
  return `${formatTable(steps)}${others.length === 0 ? '' : `\n${formatTable(others)}`}\n${verdict}\n`;
}

function wrong(cause: string): UsageError {
  return new UsageError(`Cannot run explain: ${cause}; see node-driver explain --help`);
}
