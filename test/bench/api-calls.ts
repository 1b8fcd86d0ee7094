import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createApiClient, type ApiClient } from '../../daemon/api/api-client.ts';
import { startNodeDriver } from '../support/node-driver.ts';
import { startSandbox } from '../support/sandbox.ts';
import { Scratch } from '../support/scratch.ts';
import { bundledDaemon } from './bundled-daemon.ts';
import { describeMachine, median, percentile, renderTable } from './figures.ts';
import { showProgress } from './show-progress.ts';

const ROUNDS = Number(process.env['KND_BENCH_ROUNDS'] ?? 5);
const WARM_UP = 500;
const ONE_BY_ONE = 300;
const AT_ONCE = 16;
const MANY = 2000;

const bareServer = join(import.meta.dirname, 'bare-grpc-server.ts');

interface CallFigures {
  readonly name: string;
  /** Milliseconds of calls one after the other. */
  readonly latencies: number[];
  /** Calls a second with {@link AT_ONCE} under way, one a round. */
  readonly rates: number[];
}

export interface ApiCalls {
  readonly calls: readonly CallFigures[];
  readonly machine: string;
}

/** What the API answers, beside a server of the same library that does nothing. */
export async function measureApiCalls(): Promise<ApiCalls> {
  const scratch = Scratch.open('test');
  const clients: ApiClient[] = [];
  const connect = (socketPath: string): ApiClient => {
    const client = createApiClient({ socketPath });
    clients.push(client);
    return client;
  };
  try {
    const driver = await startNodeDriver(scratch, await bundledDaemon(scratch));
    const pod = await startSandbox(scratch, { vmUuid: 'called', vmName: 'called' });
    const ours = connect(driver.apiSocket);
    const bare = connect(await startBareServer(scratch));
    const kinds = [
      { name: 'a bare server: list machines', call: () => bare.listMachines() },
      { name: 'list machines', call: () => ours.listMachines() },
      { name: 'resolve a target', call: () => ours.resolveTarget({ uuid: pod.vmUuid }) },
    ].map((kind) => ({ ...kind, latencies: [], rates: [] }));
    for (const { call } of kinds) for (let count = 0; count < WARM_UP; count++) await call();
    for (let round = 0; round < ROUNDS; round++) {
      showProgress(`round ${round + 1} of ${ROUNDS}`);
      for (const { call, latencies, rates } of kinds) await measureRound(call, latencies, rates);
    }
    return {
      calls: kinds.map(({ name, latencies, rates }) => ({ name, latencies, rates })),
      machine: describeMachine(),
    };
  } finally {
    for (const client of clients) client.close();
    await scratch.close();
  }
}

async function startBareServer(scratch: Scratch): Promise<string> {
  const path = join(scratch.runDirectory, 'bare.sock');
  const server = spawn(process.execPath, [bareServer, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  scratch.defer('end the bare server', async () => {
    const ended = once(server, 'exit');
    if (server.kill()) await ended;
  });
  await once(server.stdout, 'data');
  return path;
}

async function measureRound(
  call: () => Promise<unknown>,
  latencies: number[],
  rates: number[],
): Promise<void> {
  for (let count = 0; count < ONE_BY_ONE; count++) {
    const begin = performance.now();
    await call();
    latencies.push(performance.now() - begin);
  }
  let left = MANY;
  const caller = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  const begin = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  rates.push(MANY / ((performance.now() - begin) / 1000));
}

export function renderApiCalls({ calls, machine }: ApiCalls): string {
  const [peer] = calls;
  const rows = calls.map(({ name, latencies, rates }) => [
    name,
    ...[0.5, 0.99].map((part) => `${percentile(latencies, part).toFixed(2)} ms`),
    median(rates).toFixed(0),
    (median(rates) / median(peer?.rates ?? [])).toFixed(2),
  ]);
  return [
    renderTable(['a call of the API', 'p50', 'p99', 'calls / s', 'of the peer'], rows),
    `calls a second: with ${AT_ONCE} at once, by one client on the same machine`,
    `${machine}, ${ROUNDS} rounds, interleaved`,
  ].join('\n');
}
