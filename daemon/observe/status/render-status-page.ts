import { formatDuration } from '../../secret/format-duration.ts';
import { html, trustedHtml, type Html } from './html.ts';
import { renderChecks } from './render-checks.ts';
import { renderDecisions } from './render-decisions.ts';
import { renderMachines } from './render-machines.ts';
import { statusScript } from './status-script.ts';
import type { StatusSnapshot } from './status-snapshot.ts';
import { statusStyle } from './status-style.ts';

/** The whole page. Style and script stand in it to the byte: the page's policy has their hashes. */
export function renderStatusPage(snapshot: StatusSnapshot): string {
  const { host, ready, machines, decisions, checks, now, build } = snapshot;
  const state = ready.ok ? 'serving' : 'not serving';
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${host}: node driver ${state}</title>
        ${trustedHtml(`<style>${statusStyle}</style>`)}
      </head>
      <body>
        <a class="skip" href="#content">To the content</a>
        <header id="head">
          <h1><small>KubeVirt node driver</small>${host}</h1>
          <span class="badge ${ready.ok ? 'ok' : 'failure'}">${state}</span>
        </header>
        <main>
          <p class="stale" role="status"></p>
          <div id="content">
            ${renderFacts(snapshot)} ${renderChecks(checks)} ${renderMachines(machines, now)}
            ${renderDecisions(decisions, now)}
          </div>
        </main>
        <footer>
          Release ${build.version}${build.commit === '' ? null : ` (${build.commit})`}, Node
          ${build.nodeVersion}. <span class="refresh">Reload the page for news.</span>
          <a href="/metrics">Metrics</a> <a href="/readyz">Readiness</a>
        </footer>
        ${trustedHtml(`<script>${statusScript}</script>`)}
      </body>
    </html> `.text;
}

function renderFacts({ machines, decisions, now, startedAt }: StatusSnapshot): Html {
  const running = machines.filter(({ state }) => state === 'running');
  const refused = decisions.filter(({ result }) => result === 'refused');
  const facts = [
    ['VMs that run', running.length],
    ['Starting', machines.filter(({ state }) => state === 'starting').length],
    ['Lost', machines.filter(({ state }) => state === 'lost').length],
    ['Refused lately', refused.reduce((sum, { times }) => sum + times, 0)],
  ] as const;
  return html`<dl class="facts">
    ${facts.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd class="${name === 'Lost' && value > 0 ? 'failure' : ''}">${value}</dd>
        </div>`,
    )}
    <div>
      <dt>Daemon up for</dt>
      <dd class="small">${formatDuration(now.getTime() - startedAt.getTime())}</dd>
    </div>
  </dl>`;
}
