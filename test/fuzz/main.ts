import { parseArgs } from 'node:util';
import { fuzzParser } from './fuzz-parser.ts';
import { fuzzProgram, fuzzedPrograms } from './fuzz-program.ts';
import { Finding } from './guided-fuzzer.ts';

/**
 * `npm run fuzz -- NAME --minutes N`: fuzzes for so long, and adds to the corpus what reaches more. Exit status 1 with a
 * finding, which is printed; `--no-keep` leaves the corpus as it is.
 */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    allowNegative: true,
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(process.pid) },
      keep: { type: 'boolean', default: true },
    },
  });
  const [name = ''] = positionals;
  const options = { seconds: 60 * Number(values.minutes), seed: Number(values.seed), keep: values.keep };
  try {
    const isProgram = fuzzedPrograms.some((program) => program.name === name);
    const progress = isProgram ? fuzzProgram(name, options) : await fuzzParser(name, options);
    console.log(JSON.stringify({ name, ...progress }));
  } catch (error) {
    if (!(error instanceof Finding)) throw error;
    console.error(error);
    process.exitCode = 1;
  }
}

await main();
