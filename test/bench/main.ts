/** `npm run bench [-- PART …]`: what the driver costs, each part beside a peer. `--json` for machines. */
import { parseArgs } from 'node:util';
import { measureAdoption, renderAdoption } from './adoption.ts';
import { measureHostileLoad, renderHostileLoad } from './hostile-load.ts';
import { measureStubCrowd, renderStubCrowd } from './stub-crowd.ts';

interface Part {
  readonly figures: object;
  readonly text: string;
}

const parts: Readonly<Record<string, () => Promise<Part>>> = {
  adoption: async () => {
    const figures = await measureAdoption();
    return { figures, text: renderAdoption(figures) };
  },
  'hostile-load': async () => {
    const figures = await measureHostileLoad();
    return { figures, text: renderHostileLoad(figures) };
  },
  'stub-crowd': async () => {
    const figures = await measureStubCrowd();
    return { figures, text: renderStubCrowd(figures) };
  },
};

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const unknown = positionals.find((name) => !(name in parts));
if (unknown !== undefined)
  throw new Error(
    `There is no part "${unknown}" of the benchmark; there are ${Object.keys(parts).join(', ')}`,
  );
const all: Record<string, object> = {};
for (const [name, measure] of Object.entries(parts)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const { figures, text } = await measure();
  all[name] = figures;
  if (!values.json) console.log(`${text}\n`);
}
if (values.json) console.log(JSON.stringify(all, undefined, 2));
