import { expect } from 'chai';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { Health } from '../../../daemon/observe/health.ts';
import { startHttpServer, type HttpServer } from '../../../daemon/observe/http-server.ts';
import { createMetrics, type Metrics } from '../../../daemon/observe/metrics.ts';
import { waitUntil } from '../../support/wait-until.ts';

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

  describe('while others hold connections', () => {
    const sockets: net.Socket[] = [];
    afterEach(() => {
      for (const socket of sockets.splice(0)) socket.destroy();
    });

    /** Sends this from an address of this machine, and is kept open; gives its socket once that is sent. */
    const hold = async (text: string, localAddress = '127.0.0.1'): Promise<net.Socket> => {
      const socket = net.connect({ port: server.port, host: '127.0.0.1', localAddress });
      sockets.push(socket);
      socket.on('error', () => undefined);
      await new Promise<void>((resolve) => socket.write(text, () => resolve()));
      return socket;
    };
    const answerOn = (socket: net.Socket): Promise<string> =>
      new Promise((resolve) => {
        socket.once('data', (data) => resolve(data.toString()));
        socket.once('close', () => resolve('closed'));
      });
    const countOpen = (): Promise<number> =>
      waitUntil(
        'the server has ended those beyond its limit',
        () => {
          const open = sockets.filter((socket) => !socket.destroyed).length;
          return open < sockets.length ? open : undefined;
        },
        4000,
      );

    for (const text of ['', 'GET /healthz HTTP/1.1\r\nHost: '])
      it(`answers beside 80 of one address that send ${text === '' ? 'nothing' : 'half a header'}`, async () => {
        for (let i = 0; i < 80; i++) await hold(text);
        for (let i = 0; i < 3; i++) expect((await get('/healthz')).status).to.equal(200);
        expect(await countOpen()).to.be.at.most(8);
      });

    it('answers beside 80 of each of many addresses', async () => {
      for (let i = 0; i < 80; i++)
        for (let host = 2; host < 12; host++) await hold('GET / HTTP/1.1\r\n', `127.0.0.${host}`);
      for (let i = 0; i < 3; i++) expect((await get('/healthz')).status).to.equal(200);
      expect(await countOpen()).to.be.at.most(64);
    });

    it('ends none whose answer is on its way for those without a whole request', async () => {
      let answer: () => void = () => undefined;
      const text = new Promise<string>((resolve) => (answer = () => resolve('late\n')));
      let isAsked = false;
      metrics = {
        ...metrics,
        render: () => {
          isAsked = true;
          return text;
        },
      };
      const asking = await hold('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
      const answered = answerOn(asking);
      await waitUntil('it is asked', () => (isAsked ? true : undefined), 4000);
      for (let i = 0; i < 20; i++) await hold('GET');
      expect((await get('/healthz')).status).to.equal(200);
      answer();
      expect(await answered).to.match(/^HTTP\/1\.1 200 OK\r\n[^]*late\n$/);
    });

    it('lets a new one in also where all wait for their answers', async () => {
      metrics = { ...metrics, render: () => new Promise(() => undefined) };
      for (let i = 0; i < 20; i++) await hold('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
      expect((await get('/healthz')).status).to.equal(200);
    });

    /** Has the server be asked for metrics by this number of requests, which it never answers. */
    const leaveUnanswered = async (sendAll: () => Promise<void>, wanted: number): Promise<void> => {
      let count = 0;
      metrics = {
        ...metrics,
        render: () => {
          count++;
          return new Promise(() => undefined);
        },
      };
      await sendAll();
      await waitUntil('all have asked', () => (count === wanted ? true : undefined), 4000);
    };
    const getMetrics = 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n';
    const manyAddresses = Array.from({ length: 8 }, (_, index) => `127.0.0.${index + 2}`);
    for (const [where, addresses] of [
      ['one address', ['127.0.0.1']],
      ['eight addresses', manyAddresses],
    ] as const)
      it(`lets one in that asks later, beside all the connections of ${where} that have no whole answer`, async () => {
        await leaveUnanswered(async () => {
          for (const address of addresses) for (let i = 0; i < 8; i++) await hold(getMetrics, address);
        }, 8 * addresses.length);
        const late = await hold('');
        const answered = answerOn(late);
        await delay(50);
        late.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
        expect(await answered).to.match(/^HTTP\/1\.1 200 OK\r\n/);
      });

    it('ends the one that asks for nothing before those whose answers are on their way', async () => {
      const idle = await hold('GET');
      const asking: net.Socket[] = [];
      await leaveUnanswered(async () => {
        for (let i = 0; i < 7; i++) asking.push(await hold(getMetrics));
      }, 7);
      await delay(150);
      const ended = answerOn(idle);
      const late = await hold('');
      expect(await ended).to.equal('closed');
      expect([late, ...asking].map(({ closed }) => closed)).to.not.include(true);
    });

    it('ends the one that has been answered for the longest, also where it asks again and again', async () => {
      let count = 0;
      const answers: ((text: string) => void)[] = [];
      metrics = {
        ...metrics,
        render: () => {
          count++;
          return new Promise((resolve) => answers.push(resolve));
        },
      };
      const ask = async (socket: net.Socket): Promise<void> => {
        const wanted = count + 1;
        socket.write(getMetrics);
        await waitUntil('it has asked', () => (count === wanted ? true : undefined), 4000);
      };
      const all: net.Socket[] = [];
      for (let i = 0; i < 8; i++) {
        const socket = await hold('');
        all.push(socket);
        await ask(socket);
      }
      const [first] = all;
      if (first === undefined) throw new Error('There is none');
      await ask(first);
      const answered = answerOn(first);
      answers[0]?.('one\n');
      await answered;
      const ended = new Promise((resolve) => first.once('close', resolve));
      expect((await get('/healthz')).status).to.equal(200);
      await ended;
      expect(all.map(({ closed }) => closed)).to.deep.equal([true, ...Array<boolean>(7).fill(false)]);
    });

    it('ends one whose request does not come', async () => {
      expect(await answerOn(await hold('GET /healthz HTTP/1.1\r\n'))).to.match(/^HTTP\/1\.1 408 /);
    });
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
