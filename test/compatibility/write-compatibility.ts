/** Part of `npm run generate:docs`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { compatibilityRows } from './compatibility-rows.ts';
import { knownDifferences } from './known-differences.ts';
import { renderCompatibility } from './render-compatibility.ts';
import { listResults } from './run-results.ts';

const path = join(import.meta.dirname, '../../docs/libvirt-compatibility.md');
const text = renderCompatibility(compatibilityRows, listResults(), knownDifferences);
writeFileSync(path, await format(text, { ...(await resolveConfig(path)), filepath: path }));
