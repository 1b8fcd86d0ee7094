import type { CompatibilityRow } from './compatibility-row.ts';
import { clientRows } from './rows/clients.ts';
import { deviceRows } from './rows/devices.ts';
import { interruptedMigrationRows } from './rows/interrupted-migration.ts';
import { lifecycleRows } from './rows/lifecycle.ts';
import { migrationRows } from './rows/migration.ts';
import { statisticsRows } from './rows/statistics.ts';
import { storageRows } from './rows/storage.ts';
import { tuningRows } from './rows/tuning.ts';

/** All that is tried, in the order of the manual. */
export const compatibilityRows: readonly CompatibilityRow[] = [
  ...lifecycleRows,
  ...clientRows,
  ...statisticsRows,
  ...tuningRows,
  ...storageRows,
  ...deviceRows,
  ...migrationRows,
  ...interruptedMigrationRows,
];
