import type http from 'node:http';

import { hasCode } from '../errors.ts';
import type { Health, HealthReport } from './health.ts';
import { HttpConnections } from './http-connections.ts';
import type { StatusSite } from './status/status-site.ts';

/** Where probes and metrics are served. */
export interface HttpAddress {
  /** Name or address; `''` for all addresses of the machine. */
  readonly host: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
}

export interface HttpServerOptions {
  readonly address: HttpAddress;
  readonly health: Health;
  readonly metrics: MetricsSource;
  /** What `/` answers; `null`: nothing. */
  readonly status?: StatusSite | null;
  /** Told why a scrape, or a look at the status, failed. */
  readonly onError: (error: unknown) => void;
}

/** What `/metrics` answers, in Prometheus' text format. */
export interface MetricsSource {
  readonly contentType: string;
  render(): Promise<string>;
}

export interface HttpServer {
  /** The port that is served, also when the kernel chose it. */
  readonly port: number;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Who asks sends all of it at once; late ones are looked for often, since each holds a place. */
const TIMES = {
  headersTimeout: 2_000,
  requestTimeout: 3_000,
  connectionsCheckingInterval: 500,
  keepAliveTimeout: 15_000,
} as const;

/**
 * Serves `/healthz`, `/readyz`, `/metrics` and, where there is one, the status page. Not started where the configuration says `off`.
 *
 * @throws Error when the address cannot be bound
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  // An import of the module would also load Node's client for the Web, which takes as long as a third of the start.
  const server = process
    .getBuiltinModule('node:http')
    .createServer({ ...TIMES, maxHeaderSize: 8_192 }, (request, response) => {
      void respond(options, request, response);
    });
  new HttpConnections(server);
  server.setTimeout(20_000);
  await listen(server, options.address);
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : options.address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: http.Server, { host, port }: HttpAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const shown = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
      reject(new Error(`Cannot serve probes and metrics on ${shown}: ${remedyFor(error)}`, { cause: error }));
    });
    server.listen({ port, ...(host !== '' && { host }) }, resolve);
  });
}

function remedyFor(error: Error): string {
  if (hasCode(error, 'EADDRINUSE')) return 'another process uses it; set another address, or "off"';
  if (hasCode(error, 'EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'))
    return 'this machine does not have that address; set one that it has';
  if (hasCode(error, 'EACCES')) return 'this user may not bind that port; choose one above 1023';
  return error.message;
}

async function respond(
  options: HttpServerOptions,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  // No path of ours takes a body: what is sent anyway must not fill the connection.
  request.resume();
  const answer = await answerTo(options, request);
  response.writeHead(answer.status, {
    'Content-Type': answer.contentType ?? 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(answer.body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(answer.status === 405 && { Allow: 'GET, HEAD' }),
    ...answer.headers,
  });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

async function answerTo(options: HttpServerOptions, request: http.IncomingMessage): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return { status: 405, body: 'Only GET and HEAD are served here\n' };
  switch (request.url?.split('?', 1)[0]) {
    case '/healthz':
      return formatReport(options.health.live());
    case '/readyz':
      return formatReport(options.health.ready());
    case '/metrics':
      return renderMetrics(options);
    case '/':
      if (options.status) return renderStatus(options.status, request, options.onError);
      return notFound;
    default:
      return notFound;
  }
}

const notFound: Answer = {
  status: 404,
  body: 'Not found: /healthz, /readyz and /metrics are served here, and / with "status-page = yes"\n',
};

async function renderStatus(
  site: StatusSite,
  request: http.IncomingMessage,
  onError: (error: unknown) => void,
): Promise<Answer> {
  try {
    return await site.answer(request.headers.host);
  } catch (error) {
    onError(error);
    return { status: 500, body: 'Cannot tell the status: see the log of the daemon\n' };
  }
}

async function renderMetrics({ metrics, onError }: HttpServerOptions): Promise<Answer> {
  try {
    return { status: 200, body: await metrics.render(), contentType: metrics.contentType };
  } catch (error) {
    onError(error);
    return { status: 500, body: 'Cannot collect the metrics: see the log of the daemon\n' };
  }
}

/** `[+]name ok` and `[-]name reason`, as Kubernetes' own components answer. */
function formatReport({ ok, conditions }: HealthReport): Answer {
  const lines = conditions.map((each) => `[${each.ok ? '+' : '-'}]${each.name} ${each.reason}\n`);
  return { status: ok ? 200 : 503, body: lines.join('') };
}
