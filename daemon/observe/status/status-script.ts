/** Seconds between two looks at the daemon. */
export const REFRESH_SECONDS = 5;

/** The script of the status page: it asks for the page again and takes over its content. The page does without it. */
export const statusScript = `
'use strict';
(() => {
  const stale = document.querySelector('.stale');
  const note = document.querySelector('.refresh');
  let since = new Date();
  const isOpen = (key) => document.querySelector('details[open][data-key="' + CSS.escape(key) + '"]') !== null;
  const refresh = async () => {
    try {
      const response = await fetch(location.pathname, { cache: 'no-store', signal: AbortSignal.timeout(4000) });
      if (!response.ok) throw new Error(String(response.status));
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      for (const details of page.querySelectorAll('details'))
        if (isOpen(details.dataset.key)) details.open = true;
      const focused = document.activeElement?.closest('details')?.dataset.key;
      for (const id of ['head', 'content']) document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
      document.title = page.title;
      if (focused !== undefined)
        document.querySelector('details[data-key="' + CSS.escape(focused) + '"] summary')?.focus();
      since = new Date();
      if (stale.textContent !== '') stale.textContent = '';
    } catch {
      stale.textContent = 'The node driver does not answer. This is what it said at ' + since.toLocaleTimeString() + '.';
    }
  };
  note.textContent = 'Refreshes itself every ${REFRESH_SECONDS} seconds.';
  setInterval(() => { if (!document.hidden) void refresh(); }, ${REFRESH_SECONDS * 1000});
})();
`;
