import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '../../../daemon/config/parse-config.ts';
import { openKubernetes } from '../../../daemon/kubernetes/open-kubernetes.ts';
import { createMetrics } from '../../../daemon/observe/metrics.ts';
import type { Logger } from '../../../daemon/observe/logger.ts';
import { runCommand } from '../../support/run-command.ts';

const silent: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silent,
};

describe('openKubernetes', () => {
  const variables = ['NODE_NAME', 'KUBERNETES_SERVICE_HOST'] as const;
  const saved = variables.map((name) => [name, process.env[name]] as const);
  let directory: string;
  before(() => (directory = mkdtempSync(join(tmpdir(), 'knd-kubernetes-'))));
  after(() => rmSync(directory, { recursive: true }));
  beforeEach(() => {
    for (const name of variables) Reflect.deleteProperty(process.env, name);
  });
  afterEach(() => {
    for (const [name, value] of saved) if (value !== undefined) process.env[name] = value;
  });

  const open = async (text: string): Promise<string> => {
    const metrics = createMetrics({ version: '1', commit: '', nodeVersion: '' });
    try {
      const opened = await openKubernetes(parseConfig(text, '/x.conf'), { logger: silent, metrics });
      await opened?.close();
      return opened === null ? 'off' : 'open';
    } catch (error) {
      return error instanceof Error ? error.message : 'an error';
    }
  };

  it('says what it needs to be told', async () => {
    const kubeconfig = join(directory, 'kubeconfig');
    const empty = join(directory, 'empty');
    writeFileSync(empty, '{"clusters":[],"users":[],"contexts":[]}');
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
        users: [{ name: 'u', user: {} }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      }),
    );
    const verify = 'kubernetes = verify\n';
    expect(await open('')).to.equal('off');
    expect(await open(verify)).to.match(/its name is not known; set NODE_NAME from "spec\.nodeName", or /);
    const named = `${verify}kubernetes-node = n\n`;
    expect(await open(named)).to.match(
      /^Cannot connect to Kubernetes: KUBERNETES_SERVICE_HOST is not set; run /,
    );
    expect(await open(`${named}kubernetes-config = ${directory}/none\n`)).to.match(
      /^Cannot use the kubeconfig ".*\/none": ENOENT.*; mend it, or set "kubernetes-config" to another$/,
    );
    expect(await open(`${named}kubernetes-config = ${empty}\n`)).to.match(/names no cluster; mend it/);
    // That nobody answers there is no reason not to start.
    expect(await open(`${named}kubernetes-config = ${kubeconfig}\n`)).to.equal('open');
    process.env['NODE_NAME'] = 'n';
    expect(await open(`${verify}kubernetes-config = ${kubeconfig}\n`)).to.equal('open');
  }).timeout(20_000);

  it('loads nothing of the client while it is off', async () => {
    const root = join(import.meta.dirname, '../../..');
    const script = `
      import { registerHooks } from 'node:module';
      let loaded = 0;
      registerHooks({ load: (url, context, next) => {
        if (url.includes('@kubernetes') || url.includes('/undici/')) loaded += 1;
        return next(url, context);
      } });
      await import('${root}/daemon/app.ts');
      const { openKubernetes } = await import('${root}/daemon/kubernetes/open-kubernetes.ts');
      await openKubernetes({ kubernetes: 'off' }, {});
      const off = loaded;
      await import('${root}/daemon/kubernetes/client-parts.ts');
      console.log(off, loaded > 100);
    `;
    const { stdout } = await runCommand(process.execPath, ['--input-type=module', '-e', script]);
    expect(stdout.trim()).to.equal('0 true');
  }).timeout(30_000);
});
