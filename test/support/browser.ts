import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scratch } from './scratch.ts';
import { endProcessTree } from './remove-scratch.ts';
import { waitUntil } from './wait-until.ts';

const program = '/usr/bin/chromium';

export function hasBrowser(): boolean {
  return existsSync(program);
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** One tab, driven by the DevTools protocol. */
export class BrowserPage {
  /** What the page had to complain of: errors, exceptions, violations of its policy. */
  readonly complaints: string[] = [];
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, (message: Message) => void>();
  #session: string | undefined;
  #count = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#hear(JSON.parse(String(data)) as Message));
  }

  /** Starts a Chromium without a window; it is ended with the scratch. */
  static async open(scratch: Scratch): Promise<BrowserPage> {
    const profile = join(scratch.directory, 'browser');
    mkdirSync(profile);
    const browser = await scratch.startBackground(
      program,
      [
        '--headless=new',
        // It refuses to be root's with one; what it shows is our own.
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--disable-background-networking',
        '--no-first-run',
        '--hide-scrollbars',
        `--user-data-dir=${profile}`,
        '--remote-debugging-port=0',
        'about:blank',
      ],
      join(scratch.directory, 'browser.log'),
    );
    scratch.defer('end the browser', () => endProcessTree(browser));
    const file = join(profile, 'DevToolsActivePort');
    const address = await waitUntil(
      'the browser listens',
      () => {
        const [port, path] = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
        return port === undefined || path === undefined ? undefined : `ws://127.0.0.1:${port}${path}`;
      },
      20_000,
    );
    const socket = new WebSocket(address);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error('Cannot talk to the browser')));
    });
    scratch.defer('leave the browser', () => socket.close());
    const page = new BrowserPage(socket);
    await page.#attach();
    return page;
  }

  async #attach(): Promise<void> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    this.#session = String(sessionId);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await this.send(`${domain}.enable`);
  }

  #hear({ id, method, params, ...message }: Message): void {
    if (id !== undefined) this.#pending.get(id)?.(message);
    if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded')
      this.complaints.push(JSON.stringify(params));
  }

  async send(
    method: string,
    params: Readonly<Record<string, unknown>> = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#count;
    const answer = new Promise<Message>((resolve) => this.#pending.set(id, resolve));
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    const { error, result = {} } = await answer;
    this.#pending.delete(id);
    if (error !== undefined) throw new Error(`Cannot ask the browser for ${method}: ${error.message}`);
    return result;
  }

  /** Waits until the page is there. */
  async goTo(url: string): Promise<void> {
    await this.send('Page.navigate', { url });
    await waitUntil(
      `the browser shows ${url}`,
      async () =>
        (await this.evaluate<boolean>(
          `location.href === ${JSON.stringify(url)} && document.readyState === 'complete'`,
        )) || undefined,
      10_000,
    );
  }

  /** What an expression, or a promise that it gives, is in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as { result: { value: T }; exceptionDetails?: object };
    if (exceptionDetails !== undefined)
      throw new Error(`The page throws ${JSON.stringify(exceptionDetails)}`);
    return result.value;
  }

  async show(width: number, scheme: 'light' | 'dark'): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', {
      width,
      height: 900,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await this.send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: scheme }],
    });
  }

  /** All of the page, also what is below the window. */
  async takePicture(file: string): Promise<void> {
    const { data } = await this.send('Page.captureScreenshot', { captureBeyondViewport: true });
    writeFileSync(file, Buffer.from(String(data), 'base64'));
  }
}
