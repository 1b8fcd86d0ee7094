import { writeFile } from 'node:fs/promises';
import { createMetrics } from './metrics.ts';
import { renderMetricsReference } from './render-metrics-reference.ts';

// A program, not a module: `node daemon/observe/write-metrics-reference.ts` brings docs/metrics.md up to date.
const metrics = createMetrics({ version: '', commit: '', nodeVersion: '' });
const text = renderMetricsReference(await metrics.describe());
await writeFile(new URL('../../docs/metrics.md', import.meta.url), text);
