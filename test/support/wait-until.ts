import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks `probe` every `interval` milliseconds until it gives something.
 *
 * @param condition what is waited for, as a clause: "libvirtd answers".
 * @throws Error that names the condition when `timeout` milliseconds have passed.
 */
export async function waitUntil<T>(
  condition: string,
  probe: () => T | undefined | Promise<T | undefined>,
  timeout: number,
  interval = 50,
): Promise<T> {
  const end = performance.now() + timeout;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`Waited ${timeout} ms in vain until ${condition}`);
    await sleep(interval);
  }
}
