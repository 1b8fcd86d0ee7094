import { expect } from 'chai';
import net from 'node:net';

import { Health } from '../../../daemon/observe/health.ts';
import { startHttpServer, type HttpServer } from '../../../daemon/observe/http-server.ts';
import { createMetrics, type Metrics } from '../../../daemon/observe/metrics.ts';

describe('startHttpServer()', () => {
  const address = { host: '127.0.0.1', port: 0 };
  let health: Health;
  let metrics: Pick<Metrics, 'contentType' | 'render'>;
  let errors: unknown[];
  let server: HttpServer;
  beforeEach(async () => {
    health = new Health(['launch-socket']);
    metrics = createMetrics({ version: '1.2.3', commit: '', nodeVersion: '24' });
    errors = [];
    const source = { contentType: metrics.contentType, render: () => metrics.render() };
    server = await startHttpServer({
      address,
      health,
      metrics: source,
      onError: (error) => errors.push(error),
    });
  });
  afterEach(() => server.close());

  const get = (path: string, method = 'GET'): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.port}${path}`, { method });

  it('/healthz follows liveness', async () => {
    const alive = await get('/healthz');
    expect([alive.status, await alive.text()]).to.deep.equal([200, '[+]process ok\n']);
    health.fail('the event loop is stuck');
    const failed = await get('/healthz?verbose');
    expect([failed.status, await failed.text()]).to.deep.equal([503, '[-]process the event loop is stuck\n']);
  });

  it('/readyz follows readiness and names what is missing', async () => {
    const before = await get('/readyz');
    expect([before.status, await before.text()]).to.deep.equal([
      503,
      '[+]process ok\n[-]launch-socket not reached yet\n',
    ]);
    health.set('launch-socket', true);
    expect((await get('/readyz')).status).to.equal(200);
  });

  it('/metrics answers in the text format of Prometheus', async () => {
    const response = await get('/metrics');
    expect(response.headers.get('content-type')).to.match(/^text\/plain; version=/u);
    expect(await response.text()).to.include('kubevirt_node_driver_build_info{version="1.2.3"');
  });

  it('answers 500 and tells the daemon when the metrics fail', async () => {
    const failure = new Error('collect failed');
    metrics = { ...metrics, render: () => Promise.reject(failure) };
    const response = await get('/metrics');
    expect([response.status, await response.text()]).to.deep.equal([
      500,
      'Cannot collect the metrics: see the log of the daemon\n',
    ]);
    expect(errors).to.deep.equal([failure]);
  });

  it('answers HEAD without a body, 404 elsewhere, 405 to other methods', async () => {
    const head = await get('/healthz', 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).to.deep.equal([
      200,
      '14',
      '',
    ]);
    expect((await get('/')).status).to.equal(404);
    const post = await get('/metrics', 'POST');
    expect([post.status, post.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
  });

  it('survives what is no HTTP', async () => {
    await new Promise((resolve) => {
      const socket = net.connect(server.port, '127.0.0.1', () => socket.end('\0\x01garbage\r\n\r\n'));
      socket.on('error', () => undefined);
      socket.on('close', resolve);
      socket.resume();
    });
    expect((await get('/healthz')).status).to.equal(200);
  });

  it('names the remedy for an address that is in use', async () => {
    const taken = { host: '127.0.0.1', port: server.port };
    const source = { address: taken, health, metrics, onError: () => undefined };
    const message = await startHttpServer(source).then(
      () => 'no error',
      (error: unknown) => (error instanceof Error ? error.message : ''),
    );
    expect(message).to.equal(
      `Cannot serve probes and metrics on 127.0.0.1:${server.port}: another process uses it; set another address, or "off"`,
    );
  });
});
