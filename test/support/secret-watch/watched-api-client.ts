import { createApiClient, type ApiClient, type ApiClientOptions } from '../../../daemon/api/api-client.ts';
import { runSecretWatch } from './run-secret-watch.ts';

/** A client of the API as the commands use it; the watch hears every answer and every error. */
export function createWatchedApiClient(options: ApiClientOptions, watch = runSecretWatch): ApiClient {
  const client = createApiClient(options);
  const hearError = (error: unknown): void => {
    const { cause } = error instanceof Error ? error : {};
    watch.hear(
      'API error',
      [error, cause].map((each) => `${String(each)} ${JSON.stringify(each)}`).join('\n'),
    );
  };
  const hear = async <Answer>(method: string, asked: Promise<Answer>): Promise<Answer> => {
    try {
      const answer = await asked;
      watch.hear(`answer of ${method}`, JSON.stringify({ answer }));
      return answer;
    } catch (error) {
      hearError(error);
      throw error;
    }
  };
  async function* hearAll(signal: AbortSignal): ReturnType<ApiClient['watchMachines']> {
    try {
      for await (const event of client.watchMachines(signal)) {
        watch.hear('answer of watchMachines', JSON.stringify(event));
        yield event;
      }
    } catch (error) {
      hearError(error);
      throw error;
    }
  }
  return {
    resolveTarget: (vm) => hear('resolveTarget', client.resolveTarget(vm)),
    validateSecret: (vm, secret) => {
      watch.note(secret);
      return hear('validateSecret', client.validateSecret(vm, secret));
    },
    listMachines: () => hear('listMachines', client.listMachines()),
    getMachine: (launchId) => hear('getMachine', client.getMachine(launchId)),
    watchMachines: hearAll,
    signalMachine: (launchId, signal) => hear('signalMachine', client.signalMachine(launchId, signal)),
    getLogLevel: () => hear('getLogLevel', client.getLogLevel()),
    setLogLevel: (level) => hear('setLogLevel', client.setLogLevel(level)),
    getNodeStatus: () => hear('getNodeStatus', client.getNodeStatus()),
    explainLaunch: (request) => hear('explainLaunch', client.explainLaunch(request)),
    close: () => client.close(),
  };
}
