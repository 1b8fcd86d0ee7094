import type { RootLogger } from '../observe/logger.ts';
import { resolvesWithin } from '../resolves-within.ts';

/** Whoever reads logs and audit log may be slow, and may have stopped. */
const PATIENCE_MS = 5000;

/** Waits until all lines have left the process; where nobody takes them, ends it without: they would keep it alive. */
export async function closeLog(logger: Pick<RootLogger, 'close'>, status: number): Promise<void> {
  const audited = new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  if (await resolvesWithin(Promise.all([logger.close(), audited]), PATIENCE_MS)) return;
  // eslint-disable-next-line no-restricted-syntax -- what waits for a reader keeps the loop alive
  process.exit(status);
}
