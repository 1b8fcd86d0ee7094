import { setTimeout as delay } from 'node:timers/promises';

/** Several times what the checks of a secret take, on a node that is not overloaded. */
const QUANTUM_MS = 100;

/**
 * Waits until a whole number of quanta, at least one, has passed since `begin`: what is answered then tells by its time
 * only how busy the node is.
 *
 * @param begin of `performance.now()`.
 */
export async function waitForQuantum(begin: number): Promise<void> {
  const end = begin + Math.ceil((performance.now() - begin) / QUANTUM_MS) * QUANTUM_MS;
  // A timer may fire a little early.
  for (let rest = end - performance.now(); rest > 0; rest = end - performance.now())
    await delay(Math.ceil(rest));
}
