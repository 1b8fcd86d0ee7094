import { createHash } from 'node:crypto';
import { isIP } from 'node:net';

import { renderStatusPage } from './render-status-page.ts';
import { statusScript } from './status-script.ts';
import type { StatusSnapshot } from './status-snapshot.ts';
import { statusStyle } from './status-style.ts';

/** What `/` answers. */
export interface StatusAnswer {
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface StatusSite {
  /** @param hostHeader what the browser calls this server */
  answer(hostHeader: string | undefined): Promise<StatusAnswer>;
}

export interface StatusSiteOptions {
  readonly snapshot: () => Promise<StatusSnapshot>;
  /** Names that this server goes by, beside `localhost` and all addresses. */
  readonly hostNames: readonly string[];
}

/** The status page: nothing can be done on it, and it runs nothing but its own script. */
export function createStatusSite({ snapshot, hostNames }: StatusSiteOptions): StatusSite {
  const named = hostNames.filter((name) => name !== '').map((name) => name.toLowerCase());
  const names = new Set(['localhost', ...named]);
  const headers = {
    'Content-Security-Policy': [
      "default-src 'none'",
      `style-src '${hashOf(statusStyle)}'`,
      `script-src '${hashOf(statusScript)}'`,
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
  };
  return {
    async answer(hostHeader): Promise<StatusAnswer> {
      if (!isOneOf(names, hostHeader))
        return {
          status: 421,
          body: 'Cannot show the status page under this name: use an address of the node, or its name\n',
          contentType: 'text/plain; charset=utf-8',
          headers: {},
        };
      const body = renderStatusPage(await snapshot());
      return { status: 200, body, contentType: 'text/html; charset=utf-8', headers };
    },
  };
}

/** Under any other name, a page from elsewhere that has itself resolved to this address could read what is shown here. */
function isOneOf(names: ReadonlySet<string>, hostHeader: string | undefined): boolean {
  if (hostHeader === undefined) return false;
  const [, bracketed, plain = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(hostHeader) ?? [];
  return isIP(bracketed ?? plain) !== 0 || names.has(plain.toLowerCase());
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
