import { expect } from 'chai';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { Health } from '../../../daemon/observe/health.ts';
import { startHttpServer, type HttpServer } from '../../../daemon/observe/http-server.ts';
import { createMetrics } from '../../../daemon/observe/metrics.ts';
import type { StatusSnapshot } from '../../../daemon/observe/status/status-snapshot.ts';
import { createStatusSite } from '../../../daemon/observe/status/status-site.ts';
import { BrowserPage, hasBrowser } from '../../support/browser.ts';
import { fakeEmulator, fakeEmulatorMount, launchFake } from '../../support/fake-launch.ts';
import { startNodeDriver } from '../../support/node-driver.ts';
import { startSandbox } from '../../support/sandbox.ts';
import { Scratch } from '../../support/scratch.ts';
import { skip } from '../../support/skip.ts';
import { emptyStatus, exampleStatus } from '../../support/status-fixtures.ts';
import { waitUntil } from '../../support/wait-until.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const widths = [400, 1280] as const;
const schemes = ['light', 'dark'] as const;
const hostile =
  `<img src=x onerror="document.title='owned'">'"&\u202e<script>document.title='owned'<` + '/script>';
const hostileMachine = exampleStatus.machines[2];

describe('the status page in a browser', function () {
  this.timeout(120_000);
  let scratch: Scratch;
  let page: BrowserPage;
  let server: HttpServer;
  let shown: StatusSnapshot;
  let isServed: boolean;

  before(async function () {
    if (!hasBrowser()) skip(this, 'there is no chromium');
    scratch = Scratch.open('test');
    page = await BrowserPage.open(scratch);
    server = await startHttpServer({
      address: { host: '127.0.0.1', port: 0 },
      health: new Health([]),
      metrics: createMetrics({ version: '0', commit: '', nodeVersion: '0' }),
      status: createStatusSite({
        hostNames: [],
        snapshot: () => (isServed ? Promise.resolve(shown) : Promise.reject(new Error('not now'))),
      }),
      onError: () => undefined,
    });
    scratch.defer('stop the server', () => server.close());
  });
  beforeEach(() => {
    shown = exampleStatus;
    isServed = true;
    page.complaints.length = 0;
  });
  after(() => scratch.close());

  const open = (): Promise<void> => page.goTo(`http://127.0.0.1:${server.port}/`);
  /** Every line of the page, with what is closed in it opened. */
  const openAll = (): Promise<void> =>
    page.evaluate('for (const each of document.querySelectorAll("details")) each.open = true');
  /** What juts out of the window, and the rules that the page breaks. */
  const findFaults = async (): Promise<{ wide: unknown; violations: unknown }> => {
    const wide = await page.evaluate(`[
      document.documentElement.scrollWidth - document.documentElement.clientWidth,
      ...[...document.querySelectorAll('body *:not(.skip)')].filter((each) => {
        const { right, left, width } = each.getBoundingClientRect();
        return width > 1 && (right > innerWidth + 1 || left < -1);
      }).map((each) => each.outerHTML.slice(0, 200)),
      // What juts out of what it is in: scrollWidth is 0 where there is no box.
      ...[...document.querySelectorAll('body *:not(thead, thead *)')]
        .filter((each) => each.clientWidth > 0 && each.scrollWidth > each.clientWidth + 1)
        .map((each) => each.outerHTML.slice(0, 200)),
    ]`);
    await page.evaluate(`${axe}; undefined`);
    const violations = await page.evaluate(`axe
      .run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
      .then(({ violations, passes }) => [
        ...violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html, failureSummary }) => html + failureSummary).join('; ')),
        ...(passes.some(({ id }) => id === 'color-contrast') ? [] : ['no contrast was measured']),
      ])`);
    return { wide, violations };
  };

  for (const [name, snapshot] of Object.entries({
    busy: exampleStatus,
    empty: emptyStatus,
    hostile: {
      ...exampleStatus,
      host: hostile.repeat(3),
      machines: [
        {
          ...(hostileMachine ?? exampleStatus.machines[0]),
          vm: { uuid: 'x'.repeat(64), name: hostile.repeat(4) },
        },
      ],
      decisions: exampleStatus.decisions.map((each) => ({
        ...each,
        cause: hostile.repeat(5),
        domain: hostile,
        vm: null,
      })),
      checks: [{ title: hostile, verdict: 'failure', detail: hostile, remedy: 'y'.repeat(500) }],
    } as StatusSnapshot,
  }))
    for (const scheme of schemes)
      for (const width of widths)
        it(`of a ${name} node fits ${width} pixels and breaks no rule of accessibility, ${scheme}`, async () => {
          shown = snapshot;
          await page.show(width, scheme);
          await open();
          const pictures = process.env['KND_SCREENSHOTS'];
          if (pictures !== undefined) {
            mkdirSync(pictures, { recursive: true });
            await page.takePicture(join(pictures, `status-${name}-${width}-${scheme}.png`));
          }
          await openAll();
          expect(await findFaults()).to.deep.equal({ wide: [0], violations: [] });
          expect(page.complaints).to.deep.equal([]);
        });

  it('takes what is hostile for text', async () => {
    shown = {
      ...exampleStatus,
      host: hostile,
      decisions: [{ ...exampleStatus.decisions[0], cause: hostile } as never],
    };
    await open();
    expect(await page.evaluate('document.querySelectorAll("img, section script").length')).to.equal(0);
    expect(await page.evaluate('document.title')).to.equal(
      `${hostile.replace('\u202e', '\ufffd')}: node driver serving`,
    );
    expect(
      await page.evaluate('document.querySelector("#decisions").closest("section").innerText'),
    ).to.include('<img src=x onerror=');
    expect(page.complaints).to.deep.equal([]);
  });

  it('runs no script but its own, whatever got into it', async () => {
    await open();
    await page.evaluate(`(() => {
      const script = document.createElement('script');
      script.textContent = 'document.title = "owned"';
      document.body.append(script);
    })()`);
    expect(await page.evaluate('document.title')).to.equal('worker-17.example.org: node driver serving');
    expect(page.complaints.join()).to.include('Content Security Policy');
  });

  it('refreshes itself, and keeps open what is open; says so when the daemon is away', async () => {
    await open();
    await page.evaluate('document.querySelector("details[data-key^=machine]").open = true');
    const key = await page.evaluate<string>('document.querySelector("details[open]").dataset.key');
    shown = { ...exampleStatus, ready: { ok: false, conditions: [] } };
    await waitUntil(
      'the page says that the daemon does not serve',
      async () =>
        (await page.evaluate<boolean>(
          'document.querySelector("header .badge").textContent === "not serving"',
        )) || undefined,
      15_000,
    );
    expect(await page.evaluate('document.querySelector("details[open]")?.dataset.key')).to.equal(key);
    isServed = false;
    const stale = (): Promise<string> => page.evaluate('document.querySelector(".stale").innerText');
    await waitUntil('the page says that it is old', async () => (await stale()) || undefined, 15_000);
    expect(await stale()).to.match(/^The node driver does not answer\. This is what it said at .+\.$/);
    isServed = true;
    await waitUntil('the page is new', async () => ((await stale()) === '' ? true : undefined), 15_000);
  });

  it('is all there without JavaScript', async () => {
    await page.send('Emulation.setScriptExecutionDisabled', { value: true });
    try {
      await open();
      const { root } = (await page.send('DOM.getDocument', { depth: 0 })) as { root: { nodeId: number } };
      const { outerHTML } = await page.send('DOM.getOuterHTML', { nodeId: root.nodeId });
      expect(outerHTML).to.include('build_runner-with-a').and.to.include('Reload the page for news.');
    } finally {
      await page.send('Emulation.setScriptExecutionDisabled', { value: false });
    }
  });

  it('shows what a daemon of this node has done, and no secret', async () => {
    const vmUuid = `seen-${scratch.id}`;
    const vmName = 'b<b>old';
    const pod = await startSandbox(scratch, { vmUuid, vmName, mounts: [fakeEmulatorMount] });
    const driver = await startNodeDriver(scratch, {
      settings: { emulator: fakeEmulator, 'status-page': 'yes' },
    });
    const launch = launchFake(driver, pod, { args: ['wait'] });
    await launch.waitForLine('ready');
    await launchFake(driver, pod, { environment: { KUBEVIRT_IO_SECRET: 'my-wrong-secret' } }).ended;
    await page.show(1280, 'light');
    await page.goTo(`http://127.0.0.1:${driver.httpPort}/`);
    await openAll();
    const text = await page.evaluate<string>('document.body.innerText');
    expect(text).to.include(vmName).and.to.include(vmUuid).and.to.include(pod.podUid);
    expect(text)
      .to.include('secret-mismatch')
      .and.to.match(/launch-socket\s+it serves/);
    // Of node-driver check.
    expect(text)
      .to.match(/probe-cache|libvirt/)
      .and.to.include('kernel');
    expect(text).to.match(/hand-over\s+[\d.]+ m?s/);
    const markup = await page.evaluate<string>('document.documentElement.outerHTML');
    for (const secret of [pod.secret ?? '', 'my-wrong-secret']) expect(markup).to.not.include(secret);
    expect(await findFaults()).to.deep.equal({ wide: [0], violations: [] });
    const other = await fetch(`http://127.0.0.1:${driver.httpPort}/`, { headers: { host: 'evil.example' } });
    expect(other.headers.get('content-type')).to.match(/^text/);
  });
});
