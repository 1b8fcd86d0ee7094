import { setTimeout as sleep } from 'node:timers/promises';
import { readTimeScale } from './time-scale.ts';

/**
 * Asks `probe` every `interval` milliseconds until it gives something.
 *
 * @param condition what is waited for, as a clause: "libvirtd answers".
 * @param timeout milliseconds, on an ordinary machine: see `readTimeScale`.
 * @throws Error that names the condition when that time has passed.
 */
export async function waitUntil<T>(
  condition: string,
  probe: () => T | undefined | Promise<T | undefined>,
  timeout: number,
  interval = 50,
): Promise<T> {
  const limit = timeout * readTimeScale();
  const end = performance.now() + limit;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`Waited ${limit} ms in vain until ${condition}`);
    await sleep(interval);
  }
}
