import { createApiClient, type ApiClient } from '../api/api-client.ts';

/** Where `serve` puts the API with its default run directory. */
export const defaultApiSocket = '/run/kubevirt-node-driver/api/api.sock';

/** Runs one command with a client, and closes the client also when it fails. */
export async function withApiClient<Result>(
  socketPath: string,
  use: (client: ApiClient) => Promise<Result>,
): Promise<Result> {
  const client = createApiClient({ socketPath });
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
