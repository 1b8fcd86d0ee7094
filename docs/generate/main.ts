/** Part of `npm run generate:docs`: writes the manuals that are made from other files. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { renderManuals } from './manuals.ts';

for (const [file, text] of await renderManuals())
  writeFileSync(join(import.meta.dirname, '../..', file), text);
