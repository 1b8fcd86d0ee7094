import { parseArgs } from 'node:util';

import { startApp } from '../app.ts';
import { ConfigError } from '../config/config-error.ts';
import { loadConfig } from '../config/load-config.ts';
import type { Config } from '../config/config.ts';
import { createLibc } from '../host/libc.ts';
import { hardenProcess } from '../host/harden-process.ts';
import { ServiceManager } from '../host/service-manager.ts';
import { createLogger, errorFields } from '../observe/logger.ts';
import { closeLog } from './close-log.ts';
import type { CommandIo } from './command-io.ts';
import { endOnFatalError } from './end-on-fatal-error.ts';
import { exitConfig } from './exit-config.ts';
import { readVersion } from './version.ts';

const help = `Usage: node-driver serve [--config FILE]

Serves launches, the API and health until it is told to stop. Running VMs go on without it.

  --config FILE  configuration, by default /etc/kubevirt/qemu-kube.conf
  --help         this text

Example:
  node-driver serve --config /etc/kubevirt/qemu-kube.conf
`;

/** Resolves with the name of the first signal that asks to stop; a second one ends the process at once. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}

/** `node-driver serve`: runs the daemon in the foreground. */
export async function serveCommand(args: readonly string[], io: CommandIo): Promise<number> {
  let file: string | undefined;
  try {
    const options = { config: { type: 'string' }, help: { type: 'boolean' } } as const;
    const { values } = parseArgs({ args: [...args], options });
    if (values.help === true) {
      io.stdout(help);
      return 0;
    }
    file = values.config;
  } catch (error) {
    io.stderr(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
    return 2;
  }

  let config: Config;
  try {
    config = await loadConfig(file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.stderr(`${error.message}\n`);
    return exitConfig;
  }

  const libc = createLibc();
  hardenProcess(libc);
  const logger = createLogger({ level: config.logLevel, format: config.logFormat });
  endOnFatalError(logger);
  const manager = new ServiceManager({
    libc,
    environment: process.env,
    onError: (error) => logger.warn('Cannot tell the service manager of this daemon', errorFields(error)),
  });
  const stopped = stopSignal();
  let status = 0;
  try {
    void manager.starting('Starting');
    const app = await startApp({ config, logger, build: readVersion(), stdout: process.stdout });
    process.on('SIGHUP', () => void manager.reload(() => app.reopenFiles()));
    void manager.ready(() => `Serving; VMs here: ${app.countMachines()}`);
    const signal = await stopped;
    logger.info('Stopping', { signal });
    await manager.stopping('Stopping; VMs go on');
    await app.stop();
  } catch (error) {
    logger.error('Failed', errorFields(error));
    await manager.stopping(`Failed: ${error instanceof Error ? error.message : String(error)}`);
    status = error instanceof ConfigError ? exitConfig : 1;
  }
  await closeLog(logger, status);
  return status;
}
