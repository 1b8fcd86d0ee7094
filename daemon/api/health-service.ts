import type { Server } from '@grpc/grpc-js';
import type { HealthImplementation, ServingStatusMap } from 'grpc-health-check';

import { addLazily } from './add-lazily.ts';

const service = '/grpc.health.v1.Health';

/** The standard health service. What it says is kept here until somebody asks for it first: see {@link addLazily}. */
export class HealthService {
  readonly #statuses: ServingStatusMap = {};
  #real: HealthImplementation | undefined;

  /** @param names of the services that it answers for; `''` is the whole server. None of them serves yet */
  constructor(names: readonly string[]) {
    for (const name of names) this.#statuses[name] = 'NOT_SERVING';
  }

  setServing(serving: boolean): void {
    for (const name of Object.keys(this.#statuses)) {
      const status = serving ? 'SERVING' : 'NOT_SERVING';
      this.#statuses[name] = status;
      this.#real?.setStatus(name, status);
    }
  }

  addToServer(server: Pick<Server, 'addService'>, onError: (error: unknown) => void): void {
    addLazily(
      server,
      [
        { path: `${service}/Check`, streams: 'none' },
        { path: `${service}/List`, streams: 'none' },
        { path: `${service}/Watch`, streams: 'response' },
      ],
      async () => {
        const library = await import('grpc-health-check');
        const health = new library.HealthImplementation(this.#statuses);
        this.#real = health;
        return (real) => health.addToServer(real);
      },
      onError,
    );
  }
}
