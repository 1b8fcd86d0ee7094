import { credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { expect } from 'chai';
import fs from 'node:fs';
import path from 'node:path';
import { Duplex, Readable } from 'node:stream';
import { protoPath as healthProtoPath } from 'grpc-health-check';

import { serviceName } from '../../../daemon/api/load-api.ts';
import type { ApiServer } from '../../../daemon/api/api-server.ts';
import { ApiHarness } from './api-harness.ts';

/** What the test needs of server reflection, from https://github.com/grpc/grpc-proto. */
const reflectionProto = `
syntax = "proto3";
package grpc.reflection.v1;
service ServerReflection { rpc ServerReflectionInfo(stream Request) returns (stream Response); }
message Request { string file_containing_symbol = 4; string list_services = 7; }
message Response { Files file_descriptor_response = 4; List list_services_response = 6; }
message Files { repeated bytes file_descriptor_proto = 1; }
message List { repeated Service service = 1; }
message Service { string name = 1; }
`;

function isServiceClient(value: unknown): value is ServiceClientConstructor {
  return typeof value === 'function' && 'service' in value;
}

function serviceAt(root: unknown, ...names: readonly string[]): ServiceClientConstructor {
  const found = names.reduce<unknown>(
    (at, name) =>
      at !== null && (typeof at === 'object' || typeof at === 'function') ? Reflect.get(at, name) : undefined,
    root,
  );
  if (isServiceClient(found)) return found;
  throw new Error(`There is no service ${names.join('.')}`);
}

describe('startApiServer() serves the standard services', () => {
  let harness: ApiHarness;
  let server: ApiServer;
  beforeEach(async () => {
    harness = new ApiHarness();
    server = await harness.start();
  });
  afterEach(() => harness.stop());

  const connect = (service: ServiceClientConstructor): InstanceType<ServiceClientConstructor> =>
    new service(`unix:${harness.socketPath}`, credentials.createInsecure());
  const healthClient = (): InstanceType<ServiceClientConstructor> =>
    connect(
      serviceAt(
        loadPackageDefinition(loadSync(healthProtoPath, { enums: String })),
        'grpc',
        'health',
        'v1',
        'Health',
      ),
    );

  /** `SERVING`, `NOT_SERVING`, or the error's text. */
  async function check(service: string): Promise<string> {
    const client = healthClient();
    try {
      return await new Promise((resolve) => {
        const check: unknown = client['check'];
        if (typeof check !== 'function') throw new Error('There is no method check');
        check.call(client, { service }, (error: Error | null, response?: { status: string }) =>
          resolve(error?.message ?? response?.status ?? 'nothing'),
        );
      });
    } finally {
      client.close();
    }
  }

  it('health follows setServing(), for the server and for the service', async () => {
    expect(await check('')).to.equal('NOT_SERVING');
    server.setServing(true);
    expect([await check(''), await check(serviceName)]).to.deep.equal(['SERVING', 'SERVING']);
    server.setServing(false);
    expect(await check(serviceName)).to.equal('NOT_SERVING');
    expect(await check('nonsense')).to.include('NOT_FOUND');
  });

  it('a health watch is told of the stop and does not hold it up', async () => {
    server.setServing(true);
    const client = healthClient();
    const statuses: string[] = [];
    const watch: unknown = client['watch'];
    if (typeof watch !== 'function') throw new Error('There is no method watch');
    const stream: unknown = watch.call(client, { service: '' });
    if (!(stream instanceof Readable)) throw new Error('watch is no stream');
    const ended = new Promise<void>((resolve) => {
      stream.on('error', () => resolve());
      stream.on('end', () => resolve());
    });
    await new Promise<void>((resolve) => {
      stream.on('data', (message: { status: string }) => {
        statuses.push(message.status);
        resolve();
      });
    });
    await server.close(60_000);
    await ended;
    expect(statuses).to.deep.equal(['SERVING', 'NOT_SERVING']);
    client.close();
  });

  /** Answers of the server to these requests, in order. */
  async function reflect(...requests: readonly object[]): Promise<readonly unknown[]> {
    const file = path.join(harness.directory, 'reflection.proto');
    fs.writeFileSync(file, reflectionProto);
    const root = loadPackageDefinition(loadSync(file, { keepCase: true, defaults: true }));
    const client = connect(serviceAt(root, 'grpc', 'reflection', 'v1', 'ServerReflection'));
    const method: unknown = client['serverReflectionInfo'];
    if (typeof method !== 'function') throw new Error('There is no reflection');
    const stream: unknown = method.call(client);
    if (!(stream instanceof Duplex)) throw new Error('Reflection is no stream');
    const answers: unknown[] = [];
    await new Promise<void>((resolve, reject) => {
      stream.on('data', (answer: unknown) => answers.push(answer));
      stream.on('error', reject);
      stream.on('end', resolve);
      for (const request of requests) stream.write(request);
      stream.end();
    });
    client.close();
    return answers;
  }

  it('reflection lists our service and the health service, and describes ours', async () => {
    const [list, file] = await reflect({ list_services: '*' }, { file_containing_symbol: serviceName });
    expect(list)
      .to.have.nested.property('list_services_response.service')
      .that.deep.includes({ name: serviceName });
    expect(list)
      .to.have.nested.property('list_services_response.service')
      .that.deep.includes({ name: 'grpc.health.v1.Health' });
    expect(file).to.have.nested.property('file_descriptor_response.file_descriptor_proto').that.is.not.empty;
  });
});
