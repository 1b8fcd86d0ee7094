import { expect } from 'chai';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type { AuditRecord } from '../../../daemon/observe/audit-record.ts';
import type { ApiBackend } from '../../../daemon/api/api-backend.ts';
import { ApiError, createApiClient, type ApiClient } from '../../../daemon/api/api-client.ts';
import { startApiServer, type ApiServer, type ApiServerOptions } from '../../../daemon/api/api-server.ts';
import { newFinding } from '../../../daemon/doctor/finding.ts';
import { createLibc } from '../../../daemon/host/libc.ts';
import { fdOf } from '../../../daemon/host/socket-fd.ts';
import type { Machine } from '../../../daemon/machines/machine.ts';
import { MachineRegistry } from '../../../daemon/machines/machine-registry.ts';
import type { LogFields, Logger } from '../../../daemon/observe/logger.ts';
import { createMetrics, type Metrics } from '../../../daemon/observe/metrics.ts';
import { exampleMachine, exampleTarget } from '../../support/api-fixtures.ts';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** A server on a socket of its own in a directory of its own, and clients of it. */
export class ApiHarness {
  readonly audited: AuditRecord[] = [];
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'knd-api-'));
  readonly socketPath = path.join(this.directory, 'api.sock');
  readonly metrics: Metrics = createMetrics({ version: '0', commit: '', nodeVersion: '0' });
  readonly lines: LogLine[] = [];
  readonly #servers: ApiServer[] = [];
  readonly #clients: ApiClient[] = [];

  async start(options: Partial<ApiServerOptions> = {}): Promise<ApiServer> {
    fs.chmodSync(this.directory, 0o755);
    const libc = createLibc();
    const server = await startApiServer({
      socketPath: this.socketPath,
      socketMode: 0o666,
      audit: (record) => this.audited.push(record),
      allowedUids: new Set([process.getuid?.() ?? 0]),
      peerCredentials: (socket) => libc.peerCredentials(fdOf(socket)),
      backend: exampleBackend(),
      logger: this.#logger(),
      metrics: this.metrics,
      ...options,
    });
    this.#servers.push(server);
    return server;
  }

  client(deadlineMs?: number): ApiClient {
    const client = createApiClient({
      socketPath: this.socketPath,
      ...(deadlineMs !== undefined && { deadlineMs }),
    });
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const server of this.#servers) await server.close(100);
    fs.rmSync(this.directory, { recursive: true });
  }

  #logger(): Logger {
    const write =
      (level: string) =>
      (message: string, fields: LogFields = {}): void => {
        this.lines.push({ level, message, fields });
      };
    return {
      error: write('error'),
      warn: write('warn'),
      info: write('info'),
      debug: write('debug'),
      child: () => this.#logger(),
    };
  }
}

/** Knows one target and one machine; every secret is valid until the end of 2026. */
export function exampleBackend(changes: Partial<ApiBackend> = {}): ApiBackend {
  return {
    resolve: () => Promise.resolve(exampleTarget),
    validateSecret: () =>
      Promise.resolve({ target: exampleTarget, validUntil: new Date('2026-12-31T23:59:59.500Z') }),
    machines: registryOf(exampleMachine),
    signalMachine: () => true,
    logVolume: { level: 'info', setLevel: () => undefined },
    explain: () =>
      Promise.resolve({
        steps: [
          { step: 'identity', verdict: 'ok', message: 'the VM is "a-1"', remedy: null, code: null },
          {
            step: 'target',
            verdict: 'refused',
            message: 'it has no pod',
            remedy: 'start one',
            code: 'target-not-found',
          },
        ],
        candidates: [{ pid: 7, podUid: null, containerId: null, reason: 'is a zombie' }],
        secret: null,
      }),
    nodeStatus: () =>
      Promise.resolve({
        version: '1.2.3',
        commit: 'abcdef0',
        nodeVersion: '24.0.0',
        startedAt: new Date('2026-11-23T19:06:00.125Z'),
        findings: [
          { check: 'kernel', ...newFinding('ok', 'Linux 6.1') },
          {
            check: 'stub',
            ...newFinding('failure', 'it is gone', { subject: 'default', command: 'mend it' }),
          },
        ],
      }),
    ...changes,
  };
}

export function registryOf(...machines: readonly Machine[]): MachineRegistry {
  const registry = new MachineRegistry();
  for (const machine of machines) registry.put(machine);
  return registry;
}

/** What a promise rejects with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('The promise did not reject');
}

export async function apiErrorOf(promise: Promise<unknown>): Promise<ApiError> {
  const error = await rejectionOf(promise);
  expect(error).to.be.instanceOf(ApiError);
  if (error instanceof ApiError) return error;
  throw error;
}
