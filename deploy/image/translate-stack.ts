/**
 * `npm run --silent translate-stack [-- DIRECTORY] < LOG`: lines of a log of the image, whose stacks name the bundle, with the
 * places in the source. The maps are those in DIRECTORY, `/app/dist/daemon` of the same image; by default of the bundle that was
 * built here.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { originalStack } from './original-stack.ts';

const directory = process.argv[2] ?? join(import.meta.dirname, '../../dist/bundle/dist/daemon');
process.stdout.write(originalStack(readFileSync(0, 'utf8'), directory));
