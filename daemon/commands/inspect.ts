import { parseArgs } from 'node:util';
import { quoteText } from '../quote-text.ts';
import { cgroupIdentity } from '../target/cgroup-identity.ts';
import type { CgroupRejection } from '../target/cgroup-identity.ts';
import type { CommandIo } from './command-io.ts';
import { readLimited } from './read-limited.ts';

const usage = `Usage: node-driver inspect cgroup [--base PATH] [--json] < FILE

Reads the text of a /proc/PID/cgroup from standard input and prints the pod UID
and the container ID that it stands for, or why it is refused.

Options:
  --base PATH  cgroup below which the pods of the node are, such as
               /kubepods.slice; a line that is not below it is ignored.
               Without it, or with /, pods may be anywhere
  --json       print one line: {"podUID":…,"containerID":…}, null for what is
               absent, or {"reject":"malformed"}, "deleted" or "conflict"
  --help       print this text

Exit status: 0 identified or nothing there to identify, 1 refused, 2 wrong usage

Example:
  node-driver inspect cgroup --base /kubepods.slice < /proc/4242/cgroup
`;

/** More than the kernel can write: a path is at most 4 KiB long and there are at most some 14 hierarchies. */
const textLimit = 64 * 1024;

const explanations: Readonly<Record<CgroupRejection, string>> = {
  malformed: 'it is not the text of a /proc/PID/cgroup, whose lines are ID:CONTROLLERS:/PATH',
  deleted: 'a cgroup of the process has been removed, so the process is about to end',
  conflict: 'its lines name different pods or containers',
};

interface InspectOptions {
  readonly base: string | null;
  readonly json: boolean;
}

/**
 * `node-driver inspect cgroup`: tells pod and container from a cgroup text by the rules that a launch follows.
 *
 * @param args the arguments behind `inspect`.
 * @returns the exit status: 0, 1 when the text is refused, 2 when the command line is wrong.
 */
export async function inspectCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const options = readArguments(args);
  if (options === 'help') {
    io.stdout(usage);
    return 0;
  }
  if (typeof options === 'string') {
    io.stderr(`${options}\n`);
    return 2;
  }

  if (io.isTerminal) io.stderr('Reading a cgroup text from the terminal; end it with Ctrl-D.\n');
  const bytes = await readLimited(io.stdin, textLimit);
  const verdict =
    bytes === null
      ? ({ reject: 'malformed' } as const)
      : cgroupIdentity(bytes.toString('utf8'), options.base);

  if ('reject' in verdict) {
    const cause = bytes === null ? 'it is longer than 64 KiB' : explanations[verdict.reject];
    io.stdout(
      options.json
        ? `${JSON.stringify({ reject: verdict.reject })}\n`
        : `Refused (${verdict.reject}): ${cause}.\n`,
    );
    return 1;
  }

  const { podUid, containerId } = verdict;
  io.stdout(
    options.json
      ? `${JSON.stringify({ podUID: podUid, containerID: containerId })}\n`
      : `Pod UID       ${podUid ?? 'none'}\nContainer ID  ${containerId ?? 'none'}\n`,
  );
  return 0;
}

/** The options, `help`, or one line on what is wrong with the arguments. */
function readArguments(args: readonly string[]): InspectOptions | 'help' | `Cannot ${string}` {
  const hint = 'see node-driver inspect --help';
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        base: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    const [cause = ''] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/);
    return `Cannot inspect: ${cause}; ${hint}`;
  }

  const { values, positionals } = parsed;
  if (values.help) return 'help';
  const [subject, ...rest] = positionals;
  if (subject === undefined) return `Cannot inspect: the subject is missing, it must be cgroup; ${hint}`;
  if (subject !== 'cgroup')
    return `Cannot inspect: the subject is ${quoteText(subject)}, it must be cgroup; ${hint}`;
  if (rest[0] !== undefined) {
    return `Cannot inspect: the argument ${quoteText(rest[0])} is one too many, the text is read from standard input; ${hint}`;
  }

  const base = values.base ?? null;
  if (base !== null && !isBase(base)) {
    return `Cannot inspect: the base ${quoteText(base)} must be an absolute cgroup path without ".." in it; ${hint}`;
  }
  return { base, json: values.json };
}

function isBase(base: string): boolean {
  return base.startsWith('/') && !base.split('/').some((element) => element === '.' || element === '..');
}
