import { status } from '@grpc/grpc-js';
import { setTimeout as delay } from 'node:timers/promises';

import { ApiError, createApiClient } from './api-client.ts';
import { backoffMs } from './backoff.ts';
import type { WatchMachinesOutput } from './proto-types.ts';

/** What a follower of the machines learns. */
export type MachineNews =
  | { readonly kind: 'event'; readonly event: WatchMachinesOutput }
  /** The watch broke off. It is begun again after `retryMs`, with the full list. */
  | { readonly kind: 'interrupted'; readonly error: ApiError; readonly retryMs: number };

export interface FollowMachinesOptions {
  readonly socketPath: string;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** `Math.random` when absent. */
  readonly random?: () => number;
}

/** What passes by itself: a daemon that stops or dies (its end cuts calls in any of three ways), a slow reader. */
const passing: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.CANCELLED,
  status.INTERNAL,
  status.RESOURCE_EXHAUSTED,
]);

/**
 * Watches the machines over restarts of the daemon: whenever the watch breaks off, it is begun again, after a wait
 * that grows with each failure.
 *
 * @throws ApiError when the first watch can't be begun, or a later one never will be, e.g. for lack of the call
 */
export async function* followMachines(options: FollowMachinesOptions): AsyncGenerator<MachineNews, void> {
  const { socketPath, signal, random = Math.random } = options;
  let hasSynced = false;
  let failures = 0;
  while (!signal.aborted) {
    // A connection of its own each time: gRPC waits longer and longer before it tries one again.
    const client = createApiClient({ socketPath });
    try {
      for await (const event of client.watchMachines(signal)) {
        if (event.type === 'MACHINE_EVENT_TYPE_SYNCED') {
          hasSynced = true;
          failures = 0;
        }
        yield { kind: 'event', event };
      }
    } catch (error) {
      if (!hasSynced || !(error instanceof ApiError) || !passing.has(error.status)) throw error;
      const retryMs = backoffMs(failures, random);
      failures += 1;
      yield { kind: 'interrupted', error, retryMs };
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
    } finally {
      client.close();
    }
  }
}
