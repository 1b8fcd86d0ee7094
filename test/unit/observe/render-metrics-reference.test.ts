import { expect } from 'chai';
import { readFileSync } from 'node:fs';

import { createMetrics, type Metrics } from '../../../daemon/observe/metrics.ts';
import { renderMetricsReference } from '../../../daemon/observe/render-metrics-reference.ts';

function read(): string {
  return readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
}

/** What `/metrics` says there is, by the comments that come before the samples. */
async function servedBy(metrics: Metrics): Promise<readonly string[]> {
  return [...(await metrics.render()).matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name);
}

describe('docs/metrics.md', () => {
  const metrics = createMetrics({ version: '1.2.3', commit: 'abc', nodeVersion: '24' });

  it('is what the registry says (else run: npm run generate:docs)', async () => {
    expect(read()).to.equal(renderMetricsReference(await metrics.describe()));
  });

  it('names each metric of /metrics once, and no other', async () => {
    const documented = [...read().matchAll(/^\| `(\w+)` /gm)].map(([, name = '']) => name);
    expect(documented.toSorted()).to.deep.equal((await servedBy(metrics)).toSorted());
  });

  it('does not depend on what the daemon has done, nor on its release', async () => {
    metrics.launchRefused('busy', 1);
    metrics.candidatesSeen({ usable: 1, 'turned-down': 0, zombie: 0 });
    const other = createMetrics({ version: '9', commit: '', nodeVersion: '99' });
    expect(renderMetricsReference(await metrics.describe())).to.equal(
      renderMetricsReference(await other.describe()),
    );
  });

  it('leaves no label of our own without values', async () => {
    const own = (await metrics.describe()).filter(({ name }) => name.startsWith('kubevirt_node_driver_'));
    expect(own).to.not.be.empty;
    for (const { name, labels } of own)
      for (const [label, values] of labels) expect(values.size, `${name} ${label}`).to.be.greaterThan(0);
  });
});
