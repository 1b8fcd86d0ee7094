/** `bare-grpc-server.ts SOCKET`: answers ListMachines with an empty list and does nothing else, until it is ended. */
import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { loadApi } from '../../daemon/api/load-api.ts';

const [path = ''] = process.argv.slice(2);
const server = new Server();
const service: ServiceDefinition = loadApi().service;
server.addService(service, {
  listMachines: (_call: unknown, answer: (error: null, value: unknown) => void) =>
    answer(null, { machines: [] }),
});
server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
  process.stdout.write('ready\n');
});
