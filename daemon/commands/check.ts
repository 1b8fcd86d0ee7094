import fs from 'node:fs';
import path from 'node:path';

import { createApiClient, ApiError } from '../api/api-client.ts';
import { nodeStatusFromProto } from '../api/node-status-from-proto.ts';
import type { GetNodeStatusOutput } from '../api/proto-types.ts';
import { fromTimestamp } from '../api/timestamp.ts';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { defaultConfigPath, loadConfig } from '../config/load-config.ts';
import { newFinding, type CheckName, type Finding, type NodeFinding } from '../doctor/finding.ts';
import { localExamination } from '../doctor/local-examination.ts';
import type { CommandIo } from './command-io.ts';
import { exitConfig } from './exit-config.ts';
import { formatFindings } from './format-findings.ts';
import { UsageError, parseUsage } from './usage-error.ts';
import { readVersion } from './version.ts';

const usage = `Usage: node-driver check [--config FILE] [--socket PATH] [--json]

Looks for what keeps VMs from starting on this node: kernel, privileges, stubs,
sockets, libvirt's settings and more. One line a check says whether all is well,
and where it is not, why, and the command that mends it. A daemon that runs is
asked for what only it can see; without one, root looks.

Options:
  --config FILE  the daemon's configuration, by default
                 ${defaultConfigPath}
  --socket PATH  the daemon's API, by default the one of the configuration
  --json         print one line of JSON
  --help         print this text

Exit status: 0 nothing fails (there may be warnings), 1 something does, 2 wrong
usage, 78 bad configuration

Example:
  node-driver check
  node-driver check --json | jq '.checks[] | select(.status == "failure")'
`;

/** A daemon gives each check some seconds. */
const ANSWER_MS = 8000;
/** What the daemon does not look at closely, lest a container could hold it up. */
const ownChecks: ReadonlySet<string> = new Set<CheckName>(['emulator', 'probe-cache']);

/** What is told: who looked, and what was found. */
export interface CheckReport {
  /** Null: no daemon answered. */
  readonly daemon: Pick<GetNodeStatusOutput, 'version' | 'commit' | 'nodeVersion'> | null;
  readonly checks: readonly NodeFinding[];
}

/** `node-driver check`. Returns the exit status. */
export async function checkCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseUsage('check', {
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      socket: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  if (positionals.length > 0)
    throw new UsageError('Cannot run check: it takes no arguments; see node-driver check --help');
  let config: Config;
  try {
    config = await loadConfig(values.config);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { fileName: file, problems } = error;
    if (values.json) io.stdout(`${JSON.stringify({ file, problems })}\n`);
    else io.stderr(`${error.message}\n`);
    return exitConfig;
  }
  const report = await examine(config, values.config ?? defaultConfigPath, values.socket);
  io.stdout(values.json ? `${JSON.stringify(toJson(report))}\n` : formatFindings(report, io.hasColour));
  return report.checks.some(({ status }) => status === 'failure') ? 1 : 0;
}

async function examine(config: Config, file: string, socket: string | undefined): Promise<CheckReport> {
  const { version } = readVersion();
  const answer = await askDaemon(socket ?? path.join(config.runDirectory, 'api/api.sock'));
  if (answer instanceof ApiError)
    return { daemon: null, checks: [named('daemon', unreachable(answer)), ...(await look(config, version))] };
  const { checks, startedAt } = answer;
  const seen = nodeStatusFromProto(checks);
  const own = process.geteuid?.() === 0 ? await look(config, version, ownChecks) : [];
  // Each in place of what the daemon says of it.
  const merged = own.length === 0 ? seen : seen.flatMap((each) => replaced(each, seen, own));
  const since = startedAt && fromTimestamp(startedAt);
  return {
    daemon: answer,
    checks: [
      named('daemon', newFinding('ok', `it serves${since === null ? '' : `, since ${since.toISOString()}`}`)),
      named('version', judgeVersions(answer.version, version)),
      named('config', judgeConfig(file, since)),
      ...merged,
    ],
  };
}

function replaced(
  each: NodeFinding,
  seen: readonly NodeFinding[],
  own: readonly NodeFinding[],
): readonly NodeFinding[] {
  if (!ownChecks.has(each.check)) return [each];
  const isFirst = seen.find(({ check }) => check === each.check) === each;
  return isFirst ? own.filter(({ check }) => check === each.check) : [];
}

async function askDaemon(socketPath: string): Promise<GetNodeStatusOutput | ApiError> {
  const client = createApiClient({ socketPath, deadlineMs: ANSWER_MS });
  try {
    return await client.getNodeStatus();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  } finally {
    client.close();
  }
}

async function look(
  config: Config,
  version: string,
  only?: ReadonlySet<string>,
): Promise<readonly NodeFinding[]> {
  const { examination, close } = localExamination({ config, version, ...(only && { only }) });
  try {
    return await examination.run();
  } finally {
    close();
  }
}

function unreachable({ message }: ApiError): Finding {
  const [cause = message, remedy = null] = message.split('; ', 2);
  return newFinding('failure', `${cause}; the rest is as this command sees it`, { remedy });
}

function judgeVersions(theirs: string, own: string): Finding {
  if (theirs === own) return newFinding('ok', `daemon and command are ${own}`);
  return newFinding('warning', `the daemon is ${theirs}, this command ${own}`, {
    remedy: 'use the command of the daemon, or restart the daemon by the new version; VMs go on',
  });
}

/** The daemon reads it when it starts. */
function judgeConfig(file: string, since: Date | null): Finding {
  const changedAt = fs.statSync(file, { throwIfNoEntry: false })?.mtime;
  if (changedAt === undefined) return newFinding('ok', `there is no ${file}: the defaults hold`);
  if (since === null || changedAt <= since) return newFinding('ok', `${file} is good`);
  return newFinding('warning', `${file} is good, but has changed since the daemon started`, {
    remedy: 'restart the daemon; VMs go on',
  });
}

function named(check: CheckName, finding: Finding): NodeFinding {
  return { check, ...finding };
}

function toJson({ daemon, checks }: CheckReport): unknown {
  const count = (wanted: string): number => checks.filter(({ status }) => status === wanted).length;
  return {
    schema: 1,
    daemon: daemon && { version: daemon.version, commit: daemon.commit, nodeVersion: daemon.nodeVersion },
    checks: checks.map(({ check, subject, status, message, command, remedy }) => ({
      check,
      subject,
      status,
      message,
      command,
      remedy,
    })),
    failures: count('failure'),
    warnings: count('warning'),
  };
}
