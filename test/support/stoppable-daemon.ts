/**
 * `stoppable-daemon.ts CONFIG DIRECTORY`: the daemon as `node-driver serve` runs it, less that it stops itself after a
 * step for which the directory has a mark. See `Failpoints`.
 */
import { startApp } from '../../daemon/app.ts';
import { readVersion } from '../../daemon/commands/version.ts';
import { loadConfig } from '../../daemon/config/load-config.ts';
import { createLogger } from '../../daemon/observe/logger.ts';
import { Failpoints } from './failpoints.ts';

const [file, directory = ''] = process.argv.slice(2);
const failpoints = new Failpoints(directory);
const config = await loadConfig(file);
const logger = createLogger({ level: config.logLevel, format: config.logFormat });
const stopped = new Promise((resolve) => process.once('SIGTERM', resolve));
const app = await startApp({
  config,
  logger,
  build: readVersion(),
  stdout: process.stdout,
  onTransition: (transition) => failpoints.stopHere(transition),
});
await stopped;
await app.stop();
await logger.close();
