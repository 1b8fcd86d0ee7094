import { setTimeout as delay } from 'node:timers/promises';

/** Whether the promise is fulfilled in so many milliseconds; rejects as it does. Nothing waits for it after that. */
export async function resolvesWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const patience = new AbortController();
  const late = delay(milliseconds, undefined, { signal: patience.signal }).then(
    () => false,
    () => true,
  );
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    patience.abort();
  }
}
