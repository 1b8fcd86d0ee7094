import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { createMetrics, type MetricDescription } from '../../../daemon/observe/metrics.ts';
import { deployDirectory } from '../../support/manifests.ts';
import {
  observabilityDirectory,
  readAlertRules,
  readPanels,
  readQueries,
  seriesIn,
  seriesOf,
} from '../../support/observability.ts';

describe('deploy/observability', () => {
  const rules = readAlertRules();
  const panels = readPanels();
  const queries = [...readQueries(), ...rules.map(({ expr }) => expr)];
  let metrics: readonly MetricDescription[];

  before(async () => {
    metrics = await createMetrics({ version: '', commit: '', nodeVersion: '' }).describe();
  });

  it('asks for series that the daemon has', () => {
    const there = seriesOf(metrics);
    expect(queries.flatMap(seriesIn).filter((name) => !there.has(name))).to.deep.equal([]);
    expect(queries.filter((query) => seriesIn(query).length === 0)).to.deep.equal([
      'up{job=~"(.+/)?(kubevirt-)?node-driver"} == 0',
    ]);
  });

  it('asks for labels and values that they have', () => {
    const byName = new Map(metrics.map((metric) => [metric.name, metric]));
    for (const query of queries)
      for (const [, series = '', selector = ''] of query.matchAll(/\b(kubevirt_\w+)\{([^}]*)\}/g)) {
        const { labels } = byName.get(series) ?? byName.get(series.replace(/_(bucket|sum|count)$/, '')) ?? {};
        for (const [, label = '', , text = ''] of selector.matchAll(/(\w+)(=~|!~|=|!=)"([^"]*)"/g)) {
          if (label === 'instance') continue;
          for (const value of text.split('|'))
            expect([...(labels?.get(label) ?? [])], `${series} ${label}`).to.include(value);
        }
      }
  });

  it('has each of our metrics on the dashboard', () => {
    const shown = new Set(readQueries().flatMap(seriesIn));
    const own = metrics.filter(({ name }) => name.startsWith('kubevirt_node_driver_'));
    const missing = own.filter((metric) => ![...seriesOf([metric])].some((name) => shown.has(name)));
    expect(missing.map(({ name }) => name)).to.deep.equal([
      // A time of day: `informer_state` says what follows from it.
      'kubevirt_node_driver_kubernetes_watch_last_event_timestamp_seconds',
      'kubevirt_node_driver_kubernetes_clock_skew_seconds',
    ]);
  });

  it('has panels that fit the grid of Grafana, and do not overlap', () => {
    expect(new Set(panels.map(({ id }) => id)).size).to.equal(panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w, title).to.be.at.most(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), `${title} at ${x} ${y}`).to.equal(false);
          taken.add(`${x} ${y}`);
        }
    }
  });

  it('has an entry in docs/runbooks.md for each alert, and none besides', () => {
    const text = readFileSync(join(deployDirectory, '../docs/runbooks.md'), 'utf8');
    const entries = [...text.matchAll(/^## (\S+)$/gm)].map(([, name = '']) => name);
    expect(rules.map(({ alert }) => alert)).to.have.members(entries);
    for (const { alert, annotations, labels } of rules) {
      expect(annotations['runbook']).to.equal(`docs/runbooks.md#${alert.toLowerCase()}`);
      expect(annotations).to.have.keys('summary', 'description', 'runbook');
      expect(labels['severity']).to.be.oneOf(['critical', 'warning']);
    }
    for (const [, anchor = ''] of text.matchAll(/\]\(#([^)]+)\)/g))
      expect(entries.map((name) => name.toLowerCase())).to.include(anchor);
  });

  it('has a test for each alert', () => {
    const tests = readFileSync(join(observabilityDirectory, 'rules.test.yaml'), 'utf8');
    const raised = rules.filter(
      ({ alert }) => !new RegExp(`(?:alertname=".*|alertname: )${alert}\\b`).test(tests),
    );
    expect(raised.map(({ alert }) => alert)).to.deep.equal([]);
  });
});
