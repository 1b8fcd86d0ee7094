import { writeFile } from 'node:fs/promises';
import { renderReference } from './render-reference.ts';

// A program, not a module: `node daemon/config/write-reference.ts` brings docs/configuration.md up to date.
await writeFile(new URL('../../docs/configuration.md', import.meta.url), renderReference());
