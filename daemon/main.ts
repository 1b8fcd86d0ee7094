#!/usr/bin/env -S node --disable-sigusr1
import { runCommandLine } from './commands/command-line.ts';
import { processIo } from './commands/process-io.ts';

const status = await runCommandLine(process.argv.slice(2), processIo());
// Not process.exit(): lines may still be on their way into a pipe.
process.exitCode ??= status;
