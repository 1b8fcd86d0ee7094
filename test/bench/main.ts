/** `npm run bench [-- PART …]`: what the driver costs, each part beside a peer. `--json` for machines. */
import { parseArgs } from 'node:util';
import { measureApiCalls, renderApiCalls } from './api-calls.ts';
import { measureAdoption, renderAdoption } from './adoption.ts';
import { measureFootprint, renderFootprint } from './footprint.ts';
import { measureHostileLoad, renderHostileLoad } from './hostile-load.ts';
import { measureResolve, renderResolve } from './resolve.ts';
import { measureStartDomain, renderStartDomain } from './start-domain.ts';
import { measureStartEmulator, renderStartEmulator } from './start-emulator.ts';
import { measureStorm, renderStorm } from './storm.ts';
import { showProgress } from './show-progress.ts';
import { measureStubCrowd, renderStubCrowd } from './stub-crowd.ts';

interface Part {
  readonly figures: object;
  readonly text: string;
}

/** A part from how it is measured and how it is shown. */
function part<Figures extends object>(
  measure: () => Promise<Figures>,
  render: (figures: Figures) => string,
): () => Promise<Part> {
  return async () => {
    const figures = await measure();
    return { figures, text: render(figures) };
  };
}

const parts: Readonly<Record<string, () => Promise<Part>>> = {
  resolve: part(measureResolve, renderResolve),
  'start-emulator': part(measureStartEmulator, renderStartEmulator),
  'start-domain': part(measureStartDomain, renderStartDomain),
  storm: part(measureStorm, renderStorm),
  footprint: part(measureFootprint, renderFootprint),
  'api-calls': part(measureApiCalls, renderApiCalls),
  adoption: part(measureAdoption, renderAdoption),
  'hostile-load': part(measureHostileLoad, renderHostileLoad),
  'stub-crowd': part(measureStubCrowd, renderStubCrowd),
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
  showProgress('');
  all[name] = figures;
  if (!values.json) console.log(`${text}\n`);
}
if (values.json) console.log(JSON.stringify(all, undefined, 2));
