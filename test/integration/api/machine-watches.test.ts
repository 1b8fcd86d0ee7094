import { credentials, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import http2 from 'node:http2';
import net from 'node:net';

import { ApiError } from '../../../daemon/api/api-client.ts';
import { followMachines, type MachineNews } from '../../../daemon/api/follow-machines.ts';
import { wordFromProto } from '../../../daemon/api/from-proto.ts';
import { loadApi, serviceName } from '../../../daemon/api/load-api.ts';
import type { WatchMachinesOutput } from '../../../daemon/api/proto-types.ts';
import type { MachineRegistry } from '../../../daemon/machines/machine-registry.ts';
import { exampleMachine } from '../../support/api-fixtures.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { ApiHarness, exampleBackend, registryOf, rejectionOf } from './api-harness.ts';

const WAIT_MS = 4_000;

function lineOf({ type, revision, machine }: WatchMachinesOutput): string {
  const word = `${revision} ${wordFromProto(type)}`;
  return machine === null ? word : `${word} ${machine.launchId} ${wordFromProto(machine.state)}`;
}

function newsLineOf(news: MachineNews): string {
  return news.kind === 'event' ? lineOf(news.event) : `interrupted ${status[news.error.status]}`;
}

/** Reads in the background; `ended` rejects as the source does. */
function collect<Item>(
  source: AsyncIterable<Item>,
  toLine: (item: Item) => string,
): { readonly lines: readonly string[]; readonly ended: Promise<void> } {
  const lines: string[] = [];
  const read = async (): Promise<void> => {
    for await (const item of source) lines.push(toLine(item));
  };
  return { lines, ended: read() };
}

function waitForLine(lines: readonly string[], line: string): Promise<true> {
  return waitUntil(`the watch tells "${line}"`, () => (lines.includes(line) ? true : undefined), WAIT_MS);
}

describe('WatchMachines', () => {
  let harness: ApiHarness;
  let registry: MachineRegistry;
  let stop: AbortController;
  beforeEach(() => {
    harness = new ApiHarness();
    stop = new AbortController();
    registry = registryOf(exampleMachine, { ...exampleMachine, launchId: 'launch-2', state: 'starting' });
  });
  afterEach(async () => {
    stop.abort();
    await harness.stop();
  });
  const backend = (): ReturnType<typeof exampleBackend> => exampleBackend({ machines: registry });
  const listed = ['2 existing launch-1 running', '2 existing launch-2 starting', '2 synced'];

  it('lists, says that the list is complete, then tells every change in order', async () => {
    await harness.start({ backend: backend() });
    const { lines } = collect(harness.client().watchMachines(stop.signal), lineOf);
    await waitForLine(lines, '2 synced');
    registry.put({ ...exampleMachine, launchId: 'launch-3', state: 'starting' });
    registry.put({ ...exampleMachine, launchId: 'launch-3', state: 'exited' });
    registry.remove('launch-2');
    await waitForLine(lines, '5 removed launch-2 starting');
    expect(lines).to.deep.equal([
      ...listed,
      '3 added launch-3 starting',
      '4 changed launch-3 exited',
      '5 removed launch-2 starting',
    ]);
  });

  it('tells two watches the same', async () => {
    await harness.start({ backend: backend() });
    const client = harness.client();
    const watches = [1, 2].map(() => collect(client.watchMachines(stop.signal), lineOf));
    for (const { lines } of watches) await waitForLine(lines, '2 synced');
    registry.remove('launch-1');
    for (const { lines } of watches) await waitForLine(lines, '3 removed launch-1 running');
    expect(watches[0]?.lines).to.deep.equal(watches[1]?.lines);
  });

  it('lets go of the registry when the caller cancels, or its connection breaks', async () => {
    let subscriptions = 0;
    const subscribe: MachineRegistry['subscribe'] = (listener) => {
      const unsubscribe = registry.subscribe(listener);
      subscriptions += 1;
      return () => {
        unsubscribe();
        subscriptions -= 1;
      };
    };
    const machines = { revision: 0, list: () => [], get: () => undefined, subscribe };
    await harness.start({ backend: exampleBackend({ machines }) });

    const { lines, ended } = collect(harness.client().watchMachines(stop.signal), lineOf);
    await waitForLine(lines, '0 synced');
    expect(subscriptions).to.equal(1);
    stop.abort();
    await ended;
    await waitUntil('the watch is closed', () => (subscriptions === 0 ? true : undefined), WAIT_MS);

    const session = http2.connect('http://localhost', {
      createConnection: () => net.connect(harness.socketPath),
    });
    const request = session.request({
      ':method': 'POST',
      ':path': `/${serviceName}/WatchMachines`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    request.end(Buffer.alloc(5));
    await new Promise((resolve) => request.once('data', resolve));
    expect(subscriptions).to.equal(1);
    session.destroy();
    await waitUntil('the watch is closed', () => (subscriptions === 0 ? true : undefined), WAIT_MS);
  });

  it('ends the watch of a reader that does not read, and keeps nothing for it', async () => {
    await harness.start({ backend: backend() });
    const service = loadApi();
    const client = new service(`unix:${harness.socketPath}`, credentials.createInsecure());
    try {
      const call = client.watchMachines({});
      const ended = new Promise<{ code: status; details: string }>((resolve) => {
        call.once('status', resolve);
      });
      call.on('error', () => undefined);
      await new Promise((resolve) => call.once('readable', resolve));
      const quick = collect(harness.client().watchMachines(stop.signal), lineOf);
      await waitForLine(quick.lines, '2 synced');

      // Larger than what the windows and buffers of HTTP/2 take, in steps that the quick reader keeps up with.
      const large = { ...exampleMachine, emulator: '/'.padEnd(10_000, 'x') };
      for (let round = 0; round < 30; round += 1) {
        for (let index = 0; index < 100; index += 1) registry.put(large);
        await waitForLine(quick.lines, `${registry.revision} changed launch-1 running`);
      }
      let received = 0;
      call.on('data', () => (received += 1));
      const { code, details } = await ended;
      expect(status[code]).to.equal('RESOURCE_EXHAUSTED');
      expect(details).to.include('read faster, and list again');
      expect(received).to.be.lessThan(2_000);
      expect(quick.lines).to.have.lengthOf(3 + 3_000);
    } finally {
      client.close();
    }
  }).timeout(20_000);

  it('ends when the daemon stops, at once, and says that the VMs go on', async () => {
    const server = await harness.start({ backend: backend() });
    const { lines, ended } = collect(harness.client().watchMachines(stop.signal), lineOf);
    await waitForLine(lines, '2 synced');
    const failure = rejectionOf(ended);
    await server.close(60_000);
    const error = await failure;
    expect(error).to.be.instanceOf(ApiError).and.to.include({ status: status.UNAVAILABLE });
    expect(String(error)).to.include('Cannot go on watching: The daemon stops, the VMs go on');
  });

  it('refuses a watch on an old connection while the daemon stops', async () => {
    const resolve = (): Promise<never> => new Promise(() => undefined);
    const server = await harness.start({ backend: exampleBackend({ machines: registry, resolve }) });
    const client = harness.client();
    const running = rejectionOf(client.resolveTarget({ uuid: 'a' }));
    await client.listMachines();
    const closed = server.close(500);
    const error = await rejectionOf(collect(client.watchMachines(stop.signal), lineOf).ended);
    expect(error).to.be.instanceOf(ApiError).and.to.include({ status: status.UNAVAILABLE });
    await closed;
    await running;
  });

  it('followMachines() lists again when the next daemon runs', async () => {
    const first = await harness.start({ backend: backend() });
    const { socketPath } = harness;
    const { lines, ended } = collect(followMachines({ socketPath, signal: stop.signal }), newsLineOf);
    await waitForLine(lines, '2 synced');
    await first.close(100);
    await waitForLine(lines, 'interrupted UNAVAILABLE');
    registry = registryOf({ ...exampleMachine, launchId: 'launch-9' });
    await harness.start({ backend: backend() });
    await waitForLine(lines, '1 synced');
    stop.abort();
    await ended;
    expect(lines.filter((line) => line !== 'interrupted UNAVAILABLE')).to.deep.equal([
      ...listed,
      '1 existing launch-9 running',
      '1 synced',
    ]);
  });

  it('followMachines() rejects where no daemon ever answered', async () => {
    const { socketPath } = harness;
    const error = await rejectionOf(
      collect(followMachines({ socketPath, signal: stop.signal }), newsLineOf).ended,
    );
    expect(String(error)).to.include('there is no such socket; start "node-driver serve"');
  });
});
