import { Server, ServerCredentials, credentials, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import net from 'node:net';
import path from 'node:path';

import { loadApi } from '../../../daemon/api/load-api.ts';
import { PeerRegistry } from '../../../daemon/api/peer-registry.ts';
import { createLibc } from '../../../daemon/host/libc.ts';
import type { PeerCredentials } from '../../../daemon/host/libc.ts';
import { fdOf } from '../../../daemon/host/socket-fd.ts';
import { runCommand } from '../../support/run-command.ts';
import { ApiHarness } from './api-harness.ts';

const nobody = 65_534;

/** Connects as HTTP/2 would, and prints how many bytes came back before the end, or 400 ms after the first ones. */
const rawClient = `
const socket = require('node:net').connect(process.env.API_SOCKET);
let received = 0;
socket.on('connect', () => socket.write('PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n\\0\\0\\0\\4\\0\\0\\0\\0\\0'));
socket.on('data', (data) => { received += data.length; setTimeout(() => socket.destroy(), 400); });
socket.on('error', () => undefined);
socket.on('close', () => console.log(received));
`;

/** Runs the raw client under another user. The path of Node itself need not be open to that user. */
async function receivedAs(uid: number, socketPath: string): Promise<number> {
  const args = ['--clear-groups', `--reuid=${uid}`, `--regid=${uid}`, '/proc/self/fd/3', '-e', rawClient];
  const script = 'exec 3<"$0"; exec setpriv "$@"';
  const { stdout } = await runCommand('sh', ['-c', script, process.execPath, ...args], {
    environment: { API_SOCKET: socketPath },
  });
  return Number(stdout);
}

describe('PeerRegistry', () => {
  it('lets a handler see who called, through getPeer()', async () => {
    const harness = new ApiHarness();
    const libc = createLibc();
    const registry = new PeerRegistry({
      peerCredentials: (socket) => libc.peerCredentials(fdOf(socket)),
      allowedUids: new Set([process.getuid?.() ?? 0]),
      maxConnections: 4,
      onRejected: (reason) => expect.fail(reason),
    });
    const service = loadApi();
    const server = new Server();
    const peers: (PeerCredentials | undefined)[] = [];
    const names: string[] = [];
    server.addService(service.service, {
      ListMachines: (call: { getPeer(): string }, callback: (error: null, response: object) => void) => {
        peers.push(registry.peerOf(call));
        names.push(call.getPeer());
        callback(null, {});
      },
    });
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const socketPath = path.join(harness.directory, 'peers.sock');
    const listener = net.createServer((socket) => {
      if (registry.admit(socket)) injector.injectConnection(socket);
    });
    await new Promise<void>((resolve) => listener.listen(socketPath, resolve));

    const client = new service(`unix:${socketPath}`, credentials.createInsecure());
    await new Promise<void>((resolve, reject) => {
      client.listMachines({}, (error) => (error === null ? resolve() : reject(error)));
    });
    expect(names).to.deep.equal(['unix:peer-1']);
    expect(peers).to.deep.equal([{ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() }]);

    client.close();
    listener.close();
    server.forceShutdown();
    await harness.stop();
  });
});

describe('startApiServer() and uids', () => {
  let harness: ApiHarness;
  beforeEach(() => {
    harness = new ApiHarness();
  });
  afterEach(() => harness.stop());

  it('closes the connection of a uid that is not allowed before HTTP/2', async () => {
    await harness.start();
    expect(await receivedAs(nobody, harness.socketPath)).to.equal(0);
    expect(harness.lines).to.have.length(1);
    expect(harness.lines[0]).to.deep.include({ level: 'warn', message: 'API peer rejected' });
    expect(harness.lines[0]?.fields).to.include({ reason: 'not-allowed', peerUid: nobody });
    expect(await harness.metrics.render()).to.include('peers_rejected_total{socket="api"} 1');
    expect(await harness.client().listMachines()).to.have.length(1);
  });

  it('serves a uid that is allowed', async () => {
    await harness.start({ allowedUids: new Set([nobody]) });
    expect(await receivedAs(nobody, harness.socketPath)).to.be.greaterThan(0);
  });

  it('tells the client of a uid that is not allowed what to do', async () => {
    await harness.start({ allowedUids: new Set([nobody]) });
    try {
      await harness.client().listMachines();
      expect.fail('was answered');
    } catch (error) {
      expect(error).to.deep.include({ status: status.UNAVAILABLE });
      expect(String(error)).to.include('it closed the connection; run this as a user in its "api-users"');
    }
  });

  it('refuses who cannot be identified', async () => {
    await harness.start({
      peerCredentials: () => {
        throw new Error('gone');
      },
    });
    await harness
      .client()
      .listMachines()
      .catch(() => undefined);
    expect(new Set(harness.lines.map(({ fields }) => fields['reason']))).to.deep.equal(
      new Set(['not-identified']),
    );
  });
});
