import type { CommandIo } from './command-io.ts';
import { formatMachine, formatMachineList } from './format-machine.ts';
import { machineToJson } from './machine-to-json.ts';
import { signalNumber } from './signal-number.ts';
import { UsageError, parseUsage } from './usage-error.ts';
import { watchMachines } from './watch-machines.ts';
import { defaultApiSocket, withApiClient } from './with-api-client.ts';

const usage = `Usage: node-driver machines list [--socket PATH] [--json]
       node-driver machines show LAUNCH-ID [--socket PATH] [--json]
       node-driver machines watch [--socket PATH] [--json]
       node-driver machines signal LAUNCH-ID SIGNAL [--socket PATH]

Prints the VMs that the daemon of this node started or adopted, or sends a
signal to the QEMU of one.

  list    prints all of them
  show    prints everything about one
  watch   prints all of them, and every change from then on. When the daemon
          restarts, it waits for the next one and prints all of them again
  signal  sends TERM (power off), KILL, HUP, INT or QUIT; by name or number

Options:
  --socket PATH  the daemon's API, by default
                 ${defaultApiSocket}
  --json         print one line of JSON for each machine or event
  --help         print this text

Exit status: 0 done, 1 no such machine or no answer, 2 wrong usage
`;

/** `node-driver machines`. Returns the exit status. */
export async function machinesCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseUsage('machines', {
    args: [...args],
    allowPositionals: true,
    options: {
      socket: { type: 'string', default: defaultApiSocket },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout(usage);
    return 0;
  }
  const { socket, json } = values;
  const [action, launchId, signal, ...more] = positionals;
  if (action === 'list' && launchId === undefined) await list(socket, json, io);
  else if (action === 'watch' && launchId === undefined) await watchMachines(socket, json, io);
  else if (action === 'show' && launchId !== undefined && signal === undefined)
    await show(launchId, socket, json, io);
  else if (action === 'signal' && launchId !== undefined && signal !== undefined && more.length === 0) {
    const number = signalNumber(signal);
    await withApiClient(socket, (client) => client.signalMachine(launchId, number));
  } else
    throw new UsageError(
      'Cannot run machines: say "list", "watch", "show" and a launch id, or "signal", a launch id and a signal; see node-driver machines --help',
    );
  return 0;
}

async function list(socket: string, asJson: boolean, io: CommandIo): Promise<void> {
  const machines = await withApiClient(socket, (client) => client.listMachines());
  if (asJson) for (const machine of machines) io.stdout(`${JSON.stringify(machineToJson(machine))}\n`);
  else io.stdout(formatMachineList(machines));
}

async function show(launchId: string, socket: string, asJson: boolean, io: CommandIo): Promise<void> {
  const machine = await withApiClient(socket, (client) => client.getMachine(launchId));
  io.stdout(asJson ? `${JSON.stringify(machineToJson(machine))}\n` : formatMachine(machine));
}
