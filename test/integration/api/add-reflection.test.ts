import { Client, Server, ServerCredentials, credentials, status, type ServiceError } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addReflection } from '../../../daemon/api/add-reflection.ts';
import { serviceName } from '../../../daemon/api/load-api.ts';
import { loadDescriptors } from '../../../daemon/api/load-descriptors.ts';

/** ServerReflectionRequest with `list_services: "*"`. */
const listServices = Buffer.from([0x3a, 1, 0x2a]);

const ignore = (): void => undefined;

describe('addReflection()', () => {
  let directory: string;
  let server: Server;
  let client: Client;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'knd-reflection-'));
    server = new Server();
  });
  afterEach(() => {
    client.close();
    server.forceShutdown();
    rmSync(directory, { recursive: true });
  });

  async function connect(): Promise<void> {
    const address = `unix:${join(directory, 'socket')}`;
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    client = new Client(address, credentials.createInsecure());
  }

  /** The answer to one request, or the status that the call ends with. */
  function ask(version: string): Promise<Buffer | status> {
    return new Promise((resolve) => {
      const call = client.makeBidiStreamRequest<Buffer, Buffer>(
        `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
        (bytes) => bytes,
        (bytes) => bytes,
      );
      call.on('data', (answer: Buffer) => resolve(answer));
      call.on('error', ({ code }: ServiceError) => resolve(code));
      call.write(listServices);
      call.end();
    });
  }

  it('makes nothing until it is asked, and then once for both versions', async () => {
    let count = 0;
    addReflection(
      server,
      () => {
        count += 1;
        return Promise.resolve(loadDescriptors());
      },
      ignore,
    );
    await connect();
    expect(count).to.equal(0);
    for (const version of ['v1', 'v1alpha', 'v1']) expect(String(await ask(version))).to.include(serviceName);
    expect(count).to.equal(1);
  });

  it('tells who asks when it cannot be made, and tries anew', async () => {
    let isBroken = true;
    const broken = new Error('no such file');
    const told: unknown[] = [];
    const load = (): Promise<PackageDefinition> => {
      if (isBroken) return Promise.reject(broken);
      return Promise.resolve(loadDescriptors());
    };
    addReflection(server, load, (error) => told.push(error));
    await connect();
    expect(await ask('v1')).to.equal(status.UNAVAILABLE);
    expect(told).to.deep.equal([broken]);
    isBroken = false;
    expect(String(await ask('v1'))).to.include(serviceName);
  });
});
