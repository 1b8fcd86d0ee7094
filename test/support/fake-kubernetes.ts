import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { toPodObject, type FakePod, type PodObject } from './fake-pod.ts';
import { runCommand } from './run-command.ts';
import { runSecretWatch } from './secret-watch/run-secret-watch.ts';
import type { SecretWatch } from './secret-watch/secret-watch.ts';

/** One request that came, as an audit log of Kubernetes names it. */
export interface AuditedRequest {
  readonly verb: 'list' | 'watch' | 'create' | 'patch' | 'other';
  readonly resource: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

/** Of 127.0.0.1, in PEM, signed by itself. */
export interface FakeCertificate {
  readonly key: string;
  readonly cert: string;
}

export async function makeFakeCertificate(directory: string): Promise<FakeCertificate> {
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  await runCommand('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=fake', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  ]);
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

interface Change {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: PodObject;
}

interface OpenWatch {
  readonly response: ServerResponse;
  readonly node: string;
}

/**
 * The part of a Kubernetes API server that the daemon uses, with the ways in which a real one fails: lists, watches from
 * a version on, 410, silence, resets, restarts, a clock of its own. Made by `startFakeKubernetes`.
 */
export class FakeKubernetes {
  /** Lists are answered with this status. */
  listStatus = 200;
  /** Watches are answered with this status. */
  watchStatus = 200;
  /** Watches are taken, and nothing is ever said on them. */
  isSilent = false;
  /** No request gets an answer. */
  isStuck = false;
  /** Added to the clock in the header `Date`. */
  clockOffsetMs = 0;
  bookmarkMs = 0;
  /** Who does not show it is answered 401. */
  bearerToken: string | undefined;
  /** Answers TokenReviews. */
  reviewToken: (token: string, audiences: readonly string[]) => object = () => ({ authenticated: false });
  reviewStatus = 201;
  eventStatus = 201;
  readonly requests: AuditedRequest[] = [];
  readonly events = new Map<string, Record<string, unknown>>();
  readonly #tls: FakeCertificate | undefined;
  readonly #secretWatch: SecretWatch;
  #server: Server | undefined;
  #port = 0;
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<OpenWatch>();
  readonly #pods = new Map<string, PodObject>();
  #changes: Change[] = [];
  #version = 100;
  /** Changes up to this version are forgotten. */
  #compacted = 100;

  constructor(tls?: FakeCertificate, watch = runSecretWatch) {
    this.#tls = tls;
    this.#secretWatch = watch;
  }

  async start(): Promise<void> {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answer(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    };
    const server = this.#tls === undefined ? createServer(answer) : createTlsServer(this.#tls, answer);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** As if the process died. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#watches.clear();
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  get url(): string {
    return `${this.#tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** @param authority in PEM, of who vouches for the server; by default the server itself */
  writeKubeconfig(path: string, authority = this.#tls?.cert): void {
    const trust =
      authority === undefined
        ? { 'insecure-skip-tls-verify': true }
        : { 'certificate-authority-data': Buffer.from(authority).toString('base64') };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'fake', cluster: { server: this.url, ...trust } }],
      users: [{ name: 'fake', user: this.bearerToken === undefined ? {} : { token: this.bearerToken } }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
      'current-context': 'fake',
    };
    writeFileSync(path, JSON.stringify(config));
  }

  /** Adds or changes a pod. */
  put(pod: FakePod): void {
    const type = this.#pods.has(pod.uid) ? 'MODIFIED' : 'ADDED';
    const object = toPodObject(pod, ++this.#version);
    this.#pods.set(pod.uid, object);
    this.#tell({ version: this.#version, type, object });
  }

  remove(uid: string): void {
    const object = this.#pods.get(uid);
    if (object === undefined) return;
    this.#pods.delete(uid);
    const metadata = {
      ...object.metadata,
      resourceVersion: String(++this.#version),
    };
    this.#tell({
      version: this.#version,
      type: 'DELETED',
      object: { ...object, metadata },
    });
  }

  /** Forgets all changes: who watches from before them gets 410. */
  compact(): void {
    this.#version++;
    this.#changes = [];
    this.#compacted = this.#version;
  }

  /** Says something on every watch that is open. */
  say(type: string, object: object): void {
    for (const { response } of this.#watches) response.write(`${JSON.stringify({ type, object })}\n`);
  }

  /** Ends every watch as an API server does. */
  closeWatches(): void {
    for (const { response } of this.#takeWatches()) response.end();
  }

  /** Breaks the connection of every watch. */
  resetWatches(): void {
    for (const { response } of this.#takeWatches()) response.socket?.resetAndDestroy();
  }

  /** Nothing is written to them any more. */
  #takeWatches(): readonly OpenWatch[] {
    const all = [...this.#watches];
    this.#watches.clear();
    return all;
  }

  count(verb: AuditedRequest['verb'], resource: string): number {
    return this.requests.filter((each) => each.verb === verb && each.resource === resource).length;
  }

  #tell(change: Change): void {
    this.#changes.push(change);
    if (this.isSilent) return;
    for (const { response, node } of this.#watches)
      if (change.object.spec.nodeName === node)
        response.write(`${JSON.stringify({ type: change.type, object: change.object })}\n`);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', this.url);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body: unknown = text === '' ? null : JSON.parse(text);
    response.setHeader('Date', new Date(Date.now() + this.clockOffsetMs).toUTCString());
    response.setHeader('Content-Type', 'application/json');
    const { bearerToken } = this;
    if (bearerToken !== undefined && request.headers.authorization !== `Bearer ${bearerToken}`) {
      fail(response, 401, 'Unauthorized');
      return;
    }
    const method = request.method ?? '';
    if (method === 'GET' && pathname === '/api/v1/pods') {
      const isWatch = query.get('watch') === 'true';
      this.requests.push({ verb: isWatch ? 'watch' : 'list', resource: 'pods', query, body });
      if (this.isStuck) return;
      if (isWatch) this.#watch(query, response);
      else this.#list(query, response);
      return;
    }
    const event = /^\/api\/v1\/namespaces\/([^/]+)\/events(?:\/([^/]+))?$/.exec(pathname);
    const verb = method === 'POST' ? 'create' : method === 'PATCH' ? 'patch' : 'other';
    const resource =
      event !== null ? 'events' : pathname.endsWith('/tokenreviews') ? 'tokenreviews' : pathname;
    this.requests.push({ verb, resource, query, body });
    // All but the reviews of tokens, which are made to be shown.
    if (resource !== 'tokenreviews')
      this.#secretWatch.hear(event === null ? 'API request' : 'event', `${request.url} ${text}`);
    if (this.isStuck) return;
    if (event !== null) this.#event(request, event[2], body as Record<string, unknown>, response);
    else if (verb === 'create' && pathname === '/apis/authentication.k8s.io/v1/tokenreviews')
      this.#review(body, response);
    else fail(response, 404, 'no such path');
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    if (this.listStatus !== 200) {
      fail(response, this.listStatus, 'no list');
      return;
    }
    const wanted = Number(query.get('resourceVersion') ?? '0');
    if (wanted > this.#version) {
      fail(response, 504, 'Too large resource version');
      return;
    }
    const node = nodeOf(query);
    const all = [...this.#pods.values()].filter(({ spec }) => spec.nodeName === node);
    const limit = Number(query.get('limit') ?? '0');
    const from = Number(query.get('continue') ?? '0');
    const items = limit > 0 ? all.slice(from, from + limit) : all;
    const next = limit > 0 && from + limit < all.length ? String(from + limit) : '';
    const metadata = { resourceVersion: String(this.#version), ...(next !== '' && { continue: next }) };
    response.end(JSON.stringify({ apiVersion: 'v1', kind: 'PodList', metadata, items }));
  }

  #watch(query: URLSearchParams, response: ServerResponse): void {
    if (this.watchStatus !== 200) {
      fail(response, this.watchStatus, 'no watch');
      return;
    }
    const from = Number(query.get('resourceVersion') ?? '0');
    response.writeHead(200);
    response.flushHeaders();
    if (from < this.#compacted && from < this.#version) {
      response.end(
        `${JSON.stringify({ type: 'ERROR', object: statusOf(410, 'too old resource version') })}\n`,
      );
      return;
    }
    const node = nodeOf(query);
    const watch = { response, node };
    this.#watches.add(watch);
    const bookmarks = setInterval(() => {
      if (this.isSilent || this.bookmarkMs === 0) return;
      const metadata = { resourceVersion: String(this.#version), creationTimestamp: null };
      response.write(`${JSON.stringify({ type: 'BOOKMARK', object: { kind: 'Pod', metadata } })}\n`);
    }, this.bookmarkMs || 1000);
    const end = setTimeout(
      () => {
        this.#watches.delete(watch);
        response.end();
      },
      Number(query.get('timeoutSeconds') ?? '3600') * 1000,
    );
    response.on('close', () => {
      clearInterval(bookmarks);
      clearTimeout(end);
      this.#watches.delete(watch);
    });
    if (this.isSilent) return;
    for (const { version, type, object } of this.#changes)
      if (version > from && object.spec.nodeName === node)
        response.write(`${JSON.stringify({ type, object })}\n`);
  }

  #event(
    request: IncomingMessage,
    name: string | undefined,
    body: Record<string, unknown>,
    response: ServerResponse,
  ): void {
    if (this.eventStatus !== 201) {
      fail(response, this.eventStatus, 'no event');
      return;
    }
    if (request.method === 'POST') {
      const { name: own } = body['metadata'] as { name: string };
      this.events.set(own, body);
      response.writeHead(201).end(JSON.stringify(body));
      return;
    }
    const known = this.events.get(name ?? '');
    if (known === undefined) {
      fail(response, 404, 'no such event');
      return;
    }
    if (request.headers['content-type'] !== 'application/merge-patch+json') {
      fail(response, 415, 'not a merge patch');
      return;
    }
    Object.assign(known, body);
    response.end(JSON.stringify(known));
  }

  #review(body: unknown, response: ServerResponse): void {
    if (this.reviewStatus !== 201) {
      fail(response, this.reviewStatus, 'no review');
      return;
    }
    const { spec } = body as { spec: { token: string; audiences: readonly string[] } };
    const status = this.reviewToken(spec.token, spec.audiences);
    const review = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      metadata: {},
      spec,
      status,
    };
    response.writeHead(201).end(JSON.stringify(review));
  }
}

function nodeOf(query: URLSearchParams): string {
  return (query.get('fieldSelector') ?? '').replace(/^spec\.nodeName=/, '');
}

function statusOf(code: number, message: string): object {
  return { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, message };
}

function fail(response: ServerResponse, code: number, message: string): void {
  response.writeHead(code).end(JSON.stringify(statusOf(code, message)));
}

/** Starts one on a port of its own. */
export async function startFakeKubernetes(tls?: FakeCertificate): Promise<FakeKubernetes> {
  const fake = new FakeKubernetes(tls);
  await fake.start();
  return fake;
}
