import { nearestWord } from '../config/nearest-word.ts';
import { quoteText } from '../quote-text.ts';
import type { CommandIo } from './command-io.ts';
import { formatTable } from './table.ts';
import { UsageError } from './usage-error.ts';
import { formatVersion, readVersion } from './version.ts';

/** Returns the exit status: 0, 1 failed, 2 wrong usage, 78 bad configuration. */
type Run = (args: readonly string[], io: CommandIo) => Promise<number>;

interface Command {
  readonly name: string;
  readonly summary: string;
  /** Loads what the command needs only when it runs: a quick one does not pay for gRPC. */
  readonly load: () => Promise<Run>;
}

const commands: readonly Command[] = [
  {
    name: 'serve',
    summary: 'Run the daemon',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
  {
    name: 'check',
    summary: 'Look for what keeps VMs from starting on this node',
    load: async () => (await import('./check.ts')).checkCommand,
  },
  {
    name: 'resolve',
    summary: 'Ask the daemon which pod belongs to a VM',
    load: async () => (await import('./resolve.ts')).resolveCommand,
  },
  {
    name: 'explain',
    summary: 'Tell how a launch would go, and why',
    load: async () => (await import('./explain.ts')).explainCommand,
  },
  {
    name: 'machines',
    summary: 'List, watch or signal the VMs of this node',
    load: async () => (await import('./machines.ts')).machinesCommand,
  },
  {
    name: 'log-level',
    summary: 'Show or set how much the daemon logs',
    load: async () => (await import('./log-level.ts')).logLevelCommand,
  },
  {
    name: 'secret',
    summary: 'Make, seal and check the secrets of VMs',
    load: async () => (await import('./secret.ts')).secretCommand,
  },
  {
    name: 'domain-xml',
    summary: 'Print the XML of a domain that the driver starts',
    load: async () => (await import('./domain-xml.ts')).domainXmlCommand,
  },
  {
    name: 'install',
    summary: 'Install the stub that domains name as their emulator',
    load: async () => (await import('./install.ts')).installCommand,
  },
  {
    name: 'uninstall',
    summary: 'Remove that stub',
    load: async () => (await import('./uninstall.ts')).uninstallCommand,
  },
  {
    name: 'config',
    summary: 'Check a configuration, or show what holds with it',
    load: async () => (await import('./config.ts')).configCommand,
  },
  {
    name: 'completion',
    summary: 'Print what makes a shell complete all of this',
    load: async () => {
      const { completionCommand } = await import('./completion.ts');
      return (args, io) => completionCommand(args, io, runCommandLine);
    },
  },
  {
    name: 'inspect',
    summary: 'Explain what the driver reads, e.g. a cgroup file',
    load: async () => (await import('./inspect.ts')).inspectCommand,
  },
];

/** Runs `node-driver ARGS`. Never rejects: what goes wrong is told on `io.stderr`. */
export async function runCommandLine(args: readonly string[], io: CommandIo): Promise<number> {
  try {
    return await dispatch(args, io);
  } catch (error) {
    io.stderr(`${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function dispatch([name, ...args]: readonly string[], io: CommandIo): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') {
    io.stdout(formatUsage());
    return 0;
  }
  if (name === '--version') {
    io.stdout(`${formatVersion(readVersion())}\n`);
    return 0;
  }
  if (name === undefined) {
    io.stderr(formatUsage());
    return 2;
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) throw unknownCommand(name);
  const run = await command.load();
  return run(args, io);
}

function unknownCommand(name: string): UsageError {
  const nearest = nearestWord(
    name,
    commands.map((command) => command.name),
  );
  const advice = nearest === undefined ? 'see node-driver --help' : `did you mean "${nearest}"?`;
  return new UsageError(`Cannot run ${quoteText(name)}: there is no such command; ${advice}`);
}

function formatUsage(): string {
  const rows = commands.map(({ name, summary }) => [`  ${name}`, summary]);
  return `Usage: node-driver COMMAND [OPTIONS]

Puts the QEMU that a stock libvirt starts into the pod its VM belongs to.

Commands:
${formatTable(rows)}
Options:
  --help     print this text; after a command, that command's
  --version  print the versions of the driver and of Node

Exit status: 0 done, 1 failed, 2 wrong usage, 78 bad configuration
`;
}
