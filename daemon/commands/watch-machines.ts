import { followMachines, type MachineNews } from '../api/follow-machines.ts';
import { wordFromProto } from '../api/from-proto.ts';
import type { CommandIo } from './command-io.ts';
import { formatMachineEvent, formatMachineEventHead } from './format-machine.ts';
import { machineToJson } from './machine-to-json.ts';

/** Prints the machines and every change, until nobody reads the output any more. */
export async function watchMachines(socketPath: string, asJson: boolean, io: CommandIo): Promise<void> {
  const news = followMachines({ socketPath, signal: io.outputClosed });
  if (asJson) await printAsJson(news, io);
  else await printAsLines(news, io);
}

async function printAsJson(news: AsyncIterable<MachineNews>, io: CommandIo): Promise<void> {
  for await (const each of news) io.stdout(`${JSON.stringify(newsToJson(each))}\n`);
}

function newsToJson(news: MachineNews): unknown {
  if (news.kind === 'interrupted') return { type: 'interrupted', reason: news.error.message };
  const { type, revision, machine } = news.event;
  return { type: wordFromProto(type), revision, ...(machine && { machine: machineToJson(machine) }) };
}

async function printAsLines(news: AsyncIterable<MachineNews>, io: CommandIo): Promise<void> {
  let isListing = false;
  let lastError = '';
  for await (const each of news) {
    if (each.kind === 'interrupted') {
      isListing = false;
      // The same at every attempt, while no daemon runs.
      if (each.error.message !== lastError) io.stderr(`${each.error.message}; trying again\n`);
      lastError = each.error.message;
      continue;
    }
    if (!isListing) io.stdout(formatMachineEventHead());
    isListing = true;
    lastError = '';
    io.stdout(formatMachineEvent(each.event));
  }
}
