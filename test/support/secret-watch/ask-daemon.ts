import { status } from '@grpc/grpc-js';
import { ApiError, type ApiClient } from '../../../daemon/api/api-client.ts';
import type { MachineOutput } from '../../../daemon/api/proto-types.ts';
import type { SecretWatch } from './secret-watch.ts';

/** Of so many machines everything is asked. */
const MOST_MACHINES = 2;
const DEADLINE_MS = 2000;
/** Asked for where no machine is. */
const nobody = { uuid: 'of-nobody', name: 'of-nobody' };

/** Asks a daemon all that its API tells without changing anything; the client has the watch hear it. */
export async function askApi(client: ApiClient): Promise<void> {
  const machines: MachineOutput[] = [];
  const questions: (() => Promise<unknown>)[] = [
    async () => machines.push(...(await client.listMachines()).slice(0, MOST_MACHINES)),
    () => watchOnce(client),
    () => client.getNodeStatus(),
    () => client.getLogLevel(),
    async () => {
      for (const { launchId } of machines) await client.getMachine(launchId);
    },
    async () => {
      for (const vm of [...machines.map((machine) => machine.vm ?? nobody), nobody])
        await askAbout(client, vm);
    },
  ];
  for (const ask of questions) if (!(await isAnswered(ask()))) return;
}

async function askAbout(client: ApiClient, vm: typeof nobody): Promise<void> {
  await isAnswered(client.resolveTarget(vm));
  await isAnswered(client.explainLaunch({ vm }));
}

async function watchOnce(client: ApiClient): Promise<void> {
  const ended = AbortSignal.timeout(DEADLINE_MS);
  for await (const { type } of client.watchMachines(ended)) if (type === 'MACHINE_EVENT_TYPE_SYNCED') return;
}

/** Whether there is somebody who answers, be it by an error. */
async function isAnswered(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    return true;
  } catch (error) {
    const { UNAVAILABLE, DEADLINE_EXCEEDED } = status;
    return error instanceof ApiError && ![UNAVAILABLE, DEADLINE_EXCEEDED].includes(error.status);
  }
}

/** What a daemon serves over HTTP, as far as this one does. */
export async function askHttp(port: number, watch: SecretWatch): Promise<void> {
  for (const [path, kind] of [
    ['/metrics', 'metrics'],
    ['/readyz', 'health'],
    ['/', 'status page'],
  ] as const) {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal });
      const text = await answer.text();
      if (answer.ok || path === '/readyz') watch.hear(kind, text);
    } catch {
      return; // it does not answer, or has no such address
    }
  }
}
